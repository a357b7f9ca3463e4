import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import type { Exchange, ResponseDiff } from "@/api/types";
import { useStored } from "@/lib/stored";
import { Field, TextField } from "@/parts/field";
import { Empty, Failed, Loading, Notice } from "@/parts/states";
import { Section } from "../rows";
import { BodyDifference } from "./body";
import { IGNORED, rules } from "./ignored";
import { After, Before } from "./marks";
import { related } from "./related";

/** What differs between this answer and another. */
export function DiffTab({
  exchange,
  compareWith,
  onCompareWith,
}: {
  exchange: Exchange;
  compareWith: number | null;
  onCompareWith: (id: number | null) => void;
}) {
  const options = related(exchange);
  const [typed, setTyped] = useState("");
  const [ignore, setIgnore] = useStored(IGNORED);
  const number = /^#?\d{1,15}$/.test(typed.trim()) ? Number(typed.trim().replace("#", "")) : null;
  const chosen = number ?? (compareWith === exchange.id ? null : compareWith) ?? options[0]?.id ?? null;
  const [before, after] =
    chosen === null ? [0, 0] : [Math.min(chosen, exchange.id), Math.max(chosen, exchange.id)];
  const without = rules(ignore);
  const diff = useQuery({
    queryKey: ["diff", before, after, without],
    queryFn: () => api.diff(before, after, without),
    enabled: chosen !== null && chosen !== exchange.id,
  });
  return (
    <div>
      <div className="grid grid-cols-[1fr_6rem_1fr] gap-3 border-b border-line px-3 pt-3 pb-2">
        <Field
          label="Compare with"
          help={options.length > 0 ? undefined : "Replay it, or mark two in the list."}
        >
          {(given) => (
            <select
              {...given}
              className="control w-full"
              value={chosen ?? ""}
              onChange={(event) => {
                setTyped("");
                onCompareWith(Number(event.target.value) || null);
              }}
            >
              {chosen === null && <option value="">nothing yet</option>}
              {chosen !== null && !options.some((one) => one.id === chosen) && (
                <option value={chosen}>#{chosen}</option>
              )}
              {options.map((one) => (
                <option key={one.id} value={one.id}>
                  #{one.id}, {one.what}
                </option>
              ))}
            </select>
          )}
        </Field>
        <TextField label="Or number" placeholder="42" value={typed} onChange={setTyped} />
        <TextField
          mono
          label="Leave out"
          placeholder="$..id header:date"
          help="JSON paths and header:NAME"
          value={ignore ?? ""}
          onChange={(text) => setIgnore(text || null)}
        />
      </div>
      {chosen === null ? (
        <Empty title="Nothing to compare with">
          Replay this exchange, or mark it and another in the list: their answers are compared here.
        </Empty>
      ) : diff.error ? (
        <Failed error={diff.error} retry={() => diff.refetch()} />
      ) : diff.data ? (
        <Differences diff={diff.data} before={before} after={after} />
      ) : (
        <Loading what="Comparing" />
      )}
    </div>
  );
}

function Differences({ diff, before, after }: { diff: ResponseDiff; before: number; after: number }) {
  const { difference, partial } = diff.body;
  const sameBody =
    difference.kind === "none" || (difference.kind === "json" && difference.changes.length === 0);
  const same = !diff.status && diff.fields.length === 0 && sameBody;
  return (
    <div>
      <p role="status" className="px-3 pt-3 font-medium">
        {same ? `The answers of #${before} and #${after} are the same.` : `From #${before} to #${after}:`}
      </p>
      {partial && (
        <div className="px-3 pt-2">
          <Notice>One of the bodies was not kept whole: only what is there was compared.</Notice>
        </div>
      )}
      {diff.status && (
        <Section title="Status">
          <Before text={String(diff.status.before)} />
          <After text={String(diff.status.after)} />
        </Section>
      )}
      {diff.fields.length > 0 && (
        <Section title={`Headers (${diff.fields.length})`}>
          {diff.fields.map((field) => (
            <div key={field.name} className="border-b border-line/60 py-1 last:border-b-0">
              <p className="code text-muted">{field.name}</p>
              {field.before.map((text) => (
                <Before key={text} text={text} />
              ))}
              {field.after.map((text) => (
                <After key={text} text={text} />
              ))}
            </div>
          ))}
        </Section>
      )}
      {!sameBody && (
        <Section title="Body">
          <BodyDifference difference={difference} />
        </Section>
      )}
    </div>
  );
}
