import { useSyncExternalStore } from "react";

/** Small things that the page remembers in this browser: looks, saved filters. Nothing that was captured. */
const PREFIX = "porthole.";
const listeners = new Set<() => void>();

export function stored(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null; // Storage may be turned off; the page works without.
  }
}

export function store(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // As above.
  }
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useStored(name: string): [string | null, (value: string | null) => void] {
  return [useSyncExternalStore(subscribe, () => stored(name)), (value) => store(name, value)];
}
