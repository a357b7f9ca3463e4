import { useEffect, useState, useSyncExternalStore } from "react";
import { ListStore, type ListView } from "./list-store";

/** The live list under this filter. */
export function useList(filter: string): [ListStore, ListView] {
  const [store, setStore] = useState(() => new ListStore(filter));
  useEffect(() => {
    const next = new ListStore(filter);
    setStore(next);
    return next.start();
  }, [filter]);
  return [store, useSyncExternalStore(store.subscribe, store.snapshot)];
}
