import { LifeBuoy } from "lucide-react";
import type { Exchange, Summary } from "@/api/types";
import { timeline } from "@/exchanges/words";
import { bytes, duration, moment } from "@/lib/format";
import { Button } from "@/parts/button";
import { CopyButton } from "@/parts/copy-button";
import { Notice } from "@/parts/states";
import { Rows, Section } from "./rows";
import type { Actions } from "./use-actions";

const KINDS: Record<Summary["kind"], string> = {
  http: "HTTP",
  websocket: "WebSocket",
  sse: "server-sent events",
  upgrade: "another protocol after 101",
  tcp: "TCP",
};

export function Overview({ exchange, actions }: { exchange: Exchange; actions: Actions }) {
  const link = (id: number) => (
    <a key={id} className="mr-2 text-accent hover:underline" href={`#/exchanges/${id}`}>
      #{id}
    </a>
  );
  return (
    <div>
      {(exchange.error || exchange.incomplete || exchange.note || exchange.stand_in) && (
        <div className="flex flex-col gap-2 px-3 pt-3">
          {exchange.error && <Notice bad>{errorSentence(exchange)}</Notice>}
          {exchange.incomplete && (
            <Notice>Something is missing here: the disk could not keep up while this was captured.</Notice>
          )}
          {exchange.stand_in && (
            <div className="flex items-center gap-2 rounded-md bg-info-soft px-2.5 py-1 text-xs text-info">
              <LifeBuoy size={14} className="shrink-0" aria-hidden="true" />
              <p className="min-w-0 flex-1 break-words">
                Answers{" "}
                <span className="code">
                  {exchange.stand_in.method} {exchange.stand_in.path}
                </span>{" "}
                while the service is down.
              </p>
              <Button className="h-6" onClick={() => actions.standIn(exchange, false)}>
                Stop
              </Button>
            </div>
          )}
          {exchange.note && (
            <p className="rounded-md bg-info-soft px-2.5 py-1.5 break-words whitespace-pre-wrap">
              {exchange.note}
            </p>
          )}
        </div>
      )}
      <Section title="Time">
        <Timeline exchange={exchange} />
      </Section>
      <Section title="Exchange">
        <Rows
          rows={[
            ["URL", <Copied key="url" text={exchange.url} label="Copy URL" />],
            ...(exchange.name ? ([["About", exchange.name]] as [string, React.ReactNode][]) : []),
            ["Started", moment(exchange.started_us)],
            ["Kind", KINDS[exchange.kind] + (exchange.state === "open" ? ", still open" : "")],
            ["Visitor", exchange.visitor ?? "not known"],
            [
              "Mapping",
              exchange.mapping ? `${exchange.mapping} (${exchange.mapping_id})` : exchange.mapping_id,
            ],
            ["Request body", size(exchange.request_bytes, exchange.request_kept)],
            ["Response body", size(exchange.response_bytes, exchange.response_kept)],
            ...(exchange.original_id === null
              ? []
              : ([[originOf(exchange), link(exchange.original_id)]] as [string, React.ReactNode][])),
            ...(exchange.replays.length === 0
              ? []
              : ([["Replays", exchange.replays.map(link)]] as [string, React.ReactNode][])),
            ["Request id", <Copied key="id" text={exchange.request_id} label="Copy request id" />],
          ]}
        />
      </Section>
    </div>
  );
}

/** What it has to do with the exchange that it is from. */
function originOf({ source, edited }: Pick<Exchange, "source" | "edited">): string {
  if (source === "stand-in") return "Answered with that of";
  return edited ? "Edited replay of" : "Replay of";
}

function Copied({ text, label }: { text: string; label: string }) {
  return (
    <span className="flex items-start gap-1">
      <span className="code min-w-0 break-all">{text}</span>
      <CopyButton text={text} label={label} className="-my-1" />
    </span>
  );
}

function size(total: number, kept: number): string {
  if (total === 0) return "none";
  return kept < total ? `first ${bytes(kept)} of ${bytes(total)} kept` : bytes(total);
}

function errorSentence(exchange: Exchange): string {
  const code = exchange.error?.replaceAll("-", " ") ?? "";
  return exchange.state === "cancelled" ? `Ended early: ${code}.` : `It failed: ${code}.`;
}

/** Fills of the spans, in the order of [`timeline`]. */
const FILLS: Record<string, string> = {
  Gateway: "bg-chart-1xx",
  Link: "bg-chart-failed",
  Connect: "bg-chart-4xx",
  "First byte": "bg-chart-3xx",
  Body: "bg-chart-2xx",
};

/** Each span where it lies, one below the other. */
function Timeline({ exchange }: { exchange: Exchange }) {
  const spans = timeline(exchange);
  const whole = spans.reduce((sum, span) => sum + span.us, 0);
  if (spans.length === 0)
    return (
      <p className="text-muted">{exchange.state === "open" ? "Still open." : "Nothing was measured."}</p>
    );
  let before = 0;
  return (
    <dl className="grid grid-cols-[6rem_1fr_5rem] items-center gap-x-3 gap-y-1">
      {spans.map((span) => {
        const start = before;
        before += span.us;
        return (
          <div key={span.name} className="contents">
            <dt title={span.help}>{span.name}</dt>
            <dd className="relative h-2 rounded-full bg-sunken" aria-hidden="true">
              <span
                className={`absolute inset-y-0 min-w-0.5 rounded-full ${FILLS[span.name]}`}
                style={{ left: `${(start / whole) * 100}%`, width: `${(span.us / whole) * 100}%` }}
              />
            </dd>
            <dd className="text-right">{duration(span.us)}</dd>
          </div>
        );
      })}
      <div className="contents font-medium">
        <dt title="With the way over the link; the list tells the time on this computer alone">In all</dt>
        <dd />
        <dd className="text-right">{exchange.total_us === null ? "still open" : duration(whole)}</dd>
      </div>
    </dl>
  );
}
