import { Ban, CircleCheck, CircleX, Unplug } from "lucide-react";
import type { ConnectionEntry } from "@/api/types";
import { duration, moment, span } from "@/lib/format";

const EVENTS = {
  connected: { label: "Connected", className: "text-ok", Icon: CircleCheck },
  disconnected: { label: "Disconnected", className: "text-warn", Icon: Unplug },
  refused: { label: "Refused", className: "text-bad", Icon: Ban },
  failed: { label: "Not reached", className: "text-bad", Icon: CircleX },
} satisfies Record<ConnectionEntry["event"], { label: string; className: string; Icon: typeof Ban }>;

/** One line of the log. */
export function EntryRow({ entry }: { entry: ConnectionEntry }) {
  const { label, className, Icon } = EVENTS[entry.event] ?? EVENTS.failed;
  const more = [
    entry.message?.replace(/\.$/, ""),
    entry.lasted_ms != null && `after ${span(entry.lasted_ms)}`,
    entry.away_ms != null && `away for ${duration(entry.away_ms * 1000)}`,
    entry.tries > 1 && `${entry.tries} tries`,
    entry.latency_ms != null && `latency ${duration(entry.latency_ms * 1000)}`,
    entry.gateway_version != null && `gateway ${entry.gateway_version}`,
  ].filter(Boolean);
  return (
    <li className="grid grid-cols-[10rem_8rem_1fr] items-center gap-3 border-b border-line px-4 py-1.5 last:border-b-0 max-sm:grid-cols-1 max-sm:gap-0">
      <time className="text-muted">{moment(entry.at_us).slice(0, 19)}</time>
      <span className={`flex items-center gap-1.5 font-medium ${className}`}>
        <Icon size={14} className="shrink-0 " aria-hidden="true" />
        {label}
      </span>
      <span className="min-w-0 break-words text-muted">{more.join(", ")}</span>
    </li>
  );
}
