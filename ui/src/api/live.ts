import type { QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { api, host } from "./client";
import type { Connections, LiveEvent, LiveEventData, Mapping, Summary } from "./types";

/** What the list of exchanges hears: rows told, or that it has to fetch again. */
export interface ExchangeListener {
  told(row: Summary): void;
  again(): void;
}

const exchangeListeners = new Set<ExchangeListener>();
const reachableListeners = new Set<() => void>();
let isReachable = true;

export function onExchanges(listener: ExchangeListener): () => void {
  exchangeListeners.add(listener);
  return () => exchangeListeners.delete(listener);
}

/** Whether the engine itself answers (not: whether the gateway does). */
export function useReachable(): boolean {
  return useSyncExternalStore(
    (listener) => {
      reachableListeners.add(listener);
      return () => reachableListeners.delete(listener);
    },
    () => isReachable,
  );
}

/** The mappings with one in its newest version. */
export function withMapping(mappings: Mapping[], mapping: Mapping): Mapping[] {
  const known = mappings.some((one) => one.id === mapping.id);
  return known ? mappings.map((one) => (one.id === mapping.id ? mapping : one)) : [...mappings, mapping];
}

/** Entries of the link's log that are shown: some weeks of a laptop's life. */
const MAX_ENTRIES = 200;

/** The log with an entry in its newest version; one that is not known is the newest. */
export function withEntry(log: Connections, told: LiveEventData<"connection">): Connections {
  const { entry, summary } = told;
  const known = log.entries.some((one) => one.id === entry.id);
  const entries = known
    ? log.entries.map((one) => (one.id === entry.id ? entry : one))
    : [entry, ...log.entries].slice(0, MAX_ENTRIES);
  return { entries, summary };
}

/** Listens until the answer is called: what is told goes where the screens look for it. */
export function listen(client: QueryClient): () => void {
  const again = () => {
    for (const listener of exchangeListeners) listener.again();
  };
  // An answer that is on its way may be older than what was told: it is asked for anew.
  const put = <T>(queryKey: string[], value: T | ((known: T | undefined) => T | undefined)) => {
    client.setQueryData<T>(queryKey, value as T);
    if (client.isFetching({ queryKey }) > 0) client.invalidateQueries({ queryKey });
  };
  const apply = ({ event, data }: LiveEvent) => {
    switch (event) {
      case "snapshot":
        put(["status"], data.status);
        put(["mappings"], data.mappings);
        // What was told while nobody listened; with another gateway the engine starts anew.
        client.invalidateQueries({ queryKey: ["connections"] });
        client.invalidateQueries({ queryKey: ["gateway"] });
        again();
        break;
      case "status":
        put(["status"], data);
        break;
      case "mapping":
        put<Mapping[]>(["mappings"], (known) => known && withMapping(known, data));
        client.invalidateQueries({ queryKey: ["ports"] });
        break;
      case "mapping-gone":
        put<Mapping[]>(["mappings"], (known) => known?.filter((one) => one.id !== data.id));
        client.invalidateQueries({ queryKey: ["ports"] });
        break;
      case "exchange":
        for (const listener of exchangeListeners) listener.told(data);
        client.invalidateQueries({ queryKey: ["exchange", data.id] });
        break;
      case "exchanges-changed":
        client.invalidateQueries({ queryKey: ["exchange"] });
        again();
        break;
      case "stand-ins-changed":
        client.invalidateQueries({ queryKey: ["exchange"] });
        client.invalidateQueries({ queryKey: ["stand-ins", data.mapping_id] });
        break;
      case "connection":
        put<Connections>(["connections"], (known) => known && withEntry(known, data));
        break;
      case "settings":
        put(["settings"], data);
        break;
      case "app":
        put(["app"], data);
        break;
      case "lagged":
        client.invalidateQueries();
        again();
        break;
    }
  };
  return host.events({
    event: (name, data) => apply({ event: name, data } as LiveEvent),
    reachable: (yes) => {
      if (yes === isReachable) return;
      isReachable = yes;
      for (const listener of reachableListeners) listener();
      // The session may have ended with the engine: this finds out, and asks for the login if need be.
      if (!yes) client.invalidateQueries({ queryKey: ["session"] });
    },
  });
}

export const queries = {
  session: { queryKey: ["session"], queryFn: api.session },
  status: { queryKey: ["status"], queryFn: api.status },
  mappings: { queryKey: ["mappings"], queryFn: api.mappings },
  ports: { queryKey: ["ports"], queryFn: api.ports },
  connections: { queryKey: ["connections"], queryFn: () => api.connections(MAX_ENTRIES) },
  settings: { queryKey: ["settings"], queryFn: api.settings },
  app: { queryKey: ["app"], queryFn: api.app },
  gateway: { queryKey: ["gateway"], queryFn: api.gateway },
  standIns: (mappingId: string) => ({
    queryKey: ["stand-ins", mappingId],
    queryFn: () => api.standIns(mappingId),
  }),
  exchange: (id: number) => ({ queryKey: ["exchange", id], queryFn: () => api.exchange(id) }),
};
