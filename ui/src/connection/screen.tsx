import { useMutation, useQuery } from "@tanstack/react-query";
import { Cable, RefreshCw } from "lucide-react";
import { api } from "@/api/client";
import { queries } from "@/api/live";
import type { Connections, Status } from "@/api/types";
import { ago, duration, percent, span } from "@/lib/format";
import { useNow } from "@/lib/now";
import { Button } from "@/parts/button";
import { Card, ScreenFrame } from "@/parts/screen";
import { Empty, Failed, Loading } from "@/parts/states";
import { complain, say } from "@/parts/toasts";
import { EntryRow } from "./entry";
import { gatewayName, LINK_STATES, LinkMark } from "./link-state";

/** The link to the gateway: how it is, why, and how it was. */
export default function ConnectionScreen() {
  const status = useQuery(queries.status);
  const connections = useQuery(queries.connections);
  const reconnect = useMutation({
    mutationFn: api.reconnect,
    onSuccess: () => say("Reconnecting"),
    onError: (error) => complain("Not reconnected", error),
  });
  return (
    <ScreenFrame
      title="Connection"
      about="The one link between this computer and the gateway."
      actions={
        <Button
          disabled={reconnect.isPending}
          icon={<RefreshCw size={14} />}
          onClick={() => reconnect.mutate()}
        >
          Reconnect
        </Button>
      }
    >
      <Card>
        {status.data ? (
          <Now status={status.data} toldAt={status.dataUpdatedAt} />
        ) : status.error ? (
          <Failed error={status.error} retry={() => status.refetch()} />
        ) : (
          <Loading what="Asking" />
        )}
      </Card>
      {connections.data && <SummaryCard summary={connections.data.summary} />}
      <Card title="Log">
        {connections.error ? (
          <Failed error={connections.error} retry={() => connections.refetch()} />
        ) : !connections.data ? (
          <Loading what="Reading the log" />
        ) : connections.data.entries.length === 0 ? (
          <Empty icon={<Cable size={24} />} title="Nothing yet">
            Each connection, and why it ended, is told here.
          </Empty>
        ) : (
          <ol>
            {connections.data.entries.map((entry) => (
              <EntryRow key={entry.id} entry={entry} />
            ))}
          </ol>
        )}
      </Card>
    </ScreenFrame>
  );
}

/** `toldAt`: when the engine said so, in Unix milliseconds; its spans go on from there. */
function Now({ status, toldAt }: { status: Status; toldAt: number }) {
  const now = useNow();
  const since = Math.max(0, now - toldAt);
  const state = LINK_STATES[status.state] ?? LINK_STATES.closed;
  const facts: [name: string, value: string][] = [
    ["Gateway", status.trial ? `${gatewayName(status)} (trial, on this computer)` : gatewayName(status)],
    [
      "Latency",
      status.state === "connected" && status.latency_ms != null ? duration(status.latency_ms * 1000) : "–",
    ],
    ["Since", status.connected_since_us ? `${ago(status.connected_since_us, now)} ago` : "–"],
    ["Engine up for", span(status.uptime_ms + since)],
    ["Versions", `agent ${status.version}, gateway ${status.gateway_version ?? "not known"}`],
  ];
  return (
    <div className="flex flex-col gap-3 p-4">
      <p className={`flex items-center gap-2 text-lg font-semibold ${state.className}`}>
        <LinkMark state={status.state} size={20} />
        {state.label}
      </p>
      {status.message && <p>{status.message}</p>}
      {status.state === "waiting" && status.retry_in_ms != null && (
        <p className="text-muted">
          The next try is in {span(Math.max(0, status.retry_in_ms - since))}. It comes at once when the
          network changes.
        </p>
      )}
      {status.state === "refused" && (
        <p className="text-muted">
          Trying again would not help until that is mended: <code className="code">porthole login</code>{" "}
          stores another token, and the gateway's operator can make one.
        </p>
      )}
      <Facts facts={facts} />
    </div>
  );
}

function SummaryCard({ summary }: { summary: Connections["summary"] }) {
  const now = useNow();
  return (
    <Card>
      <div className="p-4">
        <Facts
          facts={[
            ["Connected", known(summary.uptime_ratio, percent)],
            ["Tries that worked", known(summary.success_ratio, percent)],
            ["Usual time to reconnect", known(summary.median_reconnect_ms, (ms) => duration(ms * 1000))],
            ["Counted since", known(summary.since_us, (us) => `${ago(us, now)} ago`)],
          ]}
        />
      </div>
    </Card>
  );
}

/** In words, or a dash where there is nothing to tell. */
function known(value: number | null | undefined, write: (value: number) => string): string {
  return value == null ? "–" : write(value);
}

function Facts({ facts }: { facts: [name: string, value: string][] }) {
  return (
    <dl className="flex flex-wrap gap-x-8 gap-y-2">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt className="text-xs text-muted">{name}</dt>
          <dd className="font-medium">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
