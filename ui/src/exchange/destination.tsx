import { useQuery } from "@tanstack/react-query";
import { queries } from "@/api/live";
import type { Mapping, ReplayInput, Summary } from "@/api/types";
import { Field } from "@/parts/field";

/** Where a replay goes: to the exchange's own mapping, to another, or to a port of this computer. */
export type Destination = { kind: "own" } | { kind: "mapping"; id: string } | { kind: "port"; port: string };

export const OWN: Destination = { kind: "own" };

/** The request's part for it, or what is wrong with it. */
export function destinationInput(to: Destination): { input: Partial<ReplayInput> } | { error: string } {
  if (to.kind === "own") return { input: {} };
  if (to.kind === "mapping") return { input: { mapping_id: to.id } };
  const port = Number(to.port);
  if (!/^\d{1,5}$/.test(to.port) || port < 1 || port > 65535)
    return { error: "Write a port from 1 to 65535." };
  return { input: { to_port: port } };
}

/** A mapping in a few words. */
export function mappingLabel(mapping: Mapping): string {
  return `${mapping.name ?? mapping.host ?? mapping.id} → ${mapping.target}`;
}

export function DestinationField({
  row,
  to,
  onTo,
  error,
}: {
  row: Summary;
  to: Destination;
  onTo: (to: Destination) => void;
  error: string | undefined;
}) {
  const mappings = (useQuery(queries.mappings).data ?? []).filter((one) => one.protocol === "http");
  const value = to.kind === "mapping" ? `mapping:${to.id}` : to.kind;
  const choose = (chosen: string) => {
    if (chosen === "own") onTo(OWN);
    else if (chosen === "port") onTo({ kind: "port", port: "" });
    else onTo({ kind: "mapping", id: chosen.slice("mapping:".length) });
  };
  return (
    <div className={`grid gap-3 ${to.kind === "port" ? "grid-cols-[1fr_7rem]" : ""}`}>
      <Field label="Send to" help="Straight to the local service, also without the gateway.">
        {(given) => (
          <select
            {...given}
            className="control w-full"
            value={value}
            onChange={(event) => choose(event.target.value)}
          >
            <option value="own">its own mapping, {row.mapping ?? row.mapping_id}</option>
            {mappings
              .filter((one) => one.id !== row.mapping_id)
              .map((one) => (
                <option key={one.id} value={`mapping:${one.id}`}>
                  {mappingLabel(one)}
                </option>
              ))}
            <option value="port">another port of this computer</option>
          </select>
        )}
      </Field>
      {to.kind === "port" && (
        <Field label="Port" error={error}>
          {(given) => (
            <input
              {...given}
              inputMode="numeric"
              className="control w-full"
              placeholder="3001"
              value={to.port}
              onChange={(event) => onTo({ kind: "port", port: event.target.value.trim() })}
            />
          )}
        </Field>
      )}
    </div>
  );
}
