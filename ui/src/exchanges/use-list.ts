import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { ListStore, type ListView } from "./list-store";

/** The live list under this filter. */
export function useList(filter: string): [ListStore, ListView] {
  const [store, setStore] = useState(() => new ListStore(filter));
  const last = useRef(store);
  useEffect(() => {
    const next = new ListStore(filter, last.current.snapshot());
    last.current = next;
    setStore(next);
    return next.start();
  }, [filter]);
  return [store, useSyncExternalStore(store.subscribe, store.snapshot)];
}
