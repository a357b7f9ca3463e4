import {
  BadgeCheck,
  Ban,
  CircleCheck,
  CircleDashed,
  CirclePause,
  Construction,
  Ellipsis,
  ExternalLink,
  Gauge,
  KeyRound,
  KeySquare,
  LifeBuoy,
  ListFilter,
  Pencil,
  QrCode,
  ShieldCheck,
  Trash2,
} from "lucide-react";
import type { Mapping } from "@/api/types";
import { quoted } from "@/exchanges/filter";
import { go } from "@/lib/route";
import { IconButton } from "@/parts/button";
import { CopyButton } from "@/parts/copy-button";
import { Switch } from "@/parts/field";
import { Menu } from "@/parts/menu";
import { conditionText } from "./conditions";

const STATES = {
  live: { label: "Live", className: "text-ok", Icon: CircleCheck },
  connecting: { label: "Connecting", className: "text-info", Icon: CircleDashed },
  refused: { label: "Refused", className: "text-bad", Icon: Ban },
  off: { label: "Paused", className: "text-muted", Icon: CirclePause },
} satisfies Record<Mapping["state"], { label: string; className: string; Icon: typeof Ban }>;

const SOURCES: Record<Mapping["source"], string | null> = {
  stored: null,
  file: "from config.toml",
  command: "of a running command",
};

export interface MappingActions {
  onEnable: (mapping: Mapping, enabled: boolean) => void;
  onEdit: (mapping: Mapping) => void;
  /** Shows what is answered while its service is down. */
  onStandIns: (mapping: Mapping) => void;
  onQr: (url: string) => void;
  onRemove: (mapping: Mapping) => void;
}

/** One mapping: its address, where it leads, and what can be done with it. */
export function MappingRow({ mapping, actions }: { mapping: Mapping; actions: MappingActions }) {
  const state = STATES[mapping.state] ?? STATES.off;
  const name = mapping.name ?? mapping.host ?? mapping.id;
  const stored = mapping.source === "stored";
  const openable = mapping.public_url?.startsWith("http") ? mapping.public_url : null;
  return (
    <li className="flex items-start gap-3 border-b border-line px-4 py-3 last:border-b-0">
      <state.Icon size={18} className={`mt-0.5 shrink-0 ${state.className}`} aria-hidden="true" />
      <div className="min-w-0 flex-1">
        <div className="flex flex-wrap items-center gap-x-2">
          <span className={`font-medium ${state.className}`}>{state.label}</span>
          {mapping.public_url ? (
            <>
              <span className="code min-w-0 truncate text-sm font-medium">{mapping.public_url}</span>
              <CopyButton text={mapping.public_url} label="Copy URL" className="-my-1" />
            </>
          ) : (
            <span className="code text-sm">{name}</span>
          )}
        </div>
        <p className="flex flex-wrap items-center gap-x-3 text-muted">
          <span>
            to <span className="code text-ink">{mapping.target}</span>
          </span>
          {mapping.strip_prefix && mapping.path && (
            <span>
              without <span className="code">{mapping.path}</span>
            </span>
          )}
          {mapping.policy.basic_auth.length > 0 && (
            <span className="flex items-center gap-1">
              <KeyRound size={12} /> password
            </span>
          )}
          {mapping.policy.bearer_keys.length > 0 && (
            <span className="flex items-center gap-1">
              <KeySquare size={12} /> keys
            </span>
          )}
          {mapping.policy.jwt && (
            <span className="flex items-center gap-1">
              <BadgeCheck size={12} /> tokens
            </span>
          )}
          {mapping.policy.allow_ip.length + mapping.policy.deny_ip.length > 0 && (
            <span className="flex items-center gap-1">
              <ShieldCheck size={12} /> addresses
            </span>
          )}
          {(mapping.policy.rate_limit ??
            mapping.policy.visitor_rate_limit ??
            mapping.policy.max_concurrent ??
            mapping.policy.max_body) && (
            <span className="flex items-center gap-1">
              <Gauge size={12} /> limited
            </span>
          )}
          {mapping.policy.maintenance && (
            <span className="flex items-center gap-1 text-warn">
              <Construction size={12} /> maintenance
            </span>
          )}
          {mapping.matches.length > 0 && (
            <span className="flex items-center gap-1">
              <ListFilter size={12} /> only with {mapping.matches.map(conditionText).join(", ")}
            </span>
          )}
          {!mapping.inspect && <span>exchanges not kept</span>}
          {SOURCES[mapping.source] && <span>{SOURCES[mapping.source]}</span>}
        </p>
        {mapping.message && <p className="mt-0.5 text-bad">{mapping.message}</p>}
      </div>
      <div className="flex items-center gap-0.5">
        {stored && (
          <span className="mr-2 flex">
            <Switch
              hidden
              label={`${name} is on`}
              checked={mapping.enabled}
              onChange={(on) => actions.onEnable(mapping, on)}
            />
          </span>
        )}
        {openable && (
          <a
            href={openable}
            target="_blank"
            rel="noreferrer"
            aria-label={`Open ${openable}`}
            title="Open"
            className="inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-ink"
          >
            <ExternalLink size={15} />
          </a>
        )}
        {openable && (
          <IconButton label="QR code" onClick={() => actions.onQr(openable)} icon={<QrCode size={15} />} />
        )}
        {stored && (
          <IconButton label="Edit" onClick={() => actions.onEdit(mapping)} icon={<Pencil size={15} />} />
        )}
        <Menu
          trigger={<IconButton label={`More for ${name}`} icon={<Ellipsis size={15} />} />}
          items={[
            {
              label: "Show its exchanges",
              act: () =>
                go({
                  screen: "exchanges",
                  id: null,
                  filter: `mapping:${quoted(mapping.name ?? mapping.id)}`,
                }),
            },
            ...(mapping.protocol === "http"
              ? [
                  {
                    label: "Answers when down…",
                    icon: <LifeBuoy size={14} />,
                    act: () => actions.onStandIns(mapping),
                  },
                ]
              : []),
            ...(stored
              ? ([
                  "line",
                  {
                    label: "Delete…",
                    icon: <Trash2 size={14} />,
                    bad: true,
                    act: () => actions.onRemove(mapping),
                  },
                ] as const)
              : []),
          ]}
        />
      </div>
    </li>
  );
}
