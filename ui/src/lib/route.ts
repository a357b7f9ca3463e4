import { useSyncExternalStore } from "react";

/** Where the page is; written behind the `#`, so that the engine serves one document and reloads stay. */
export interface Route {
  screen: Screen;
  /** The exchange that is open beside the list. */
  id: number | null;
  filter: string;
}

export const SCREENS = ["exchanges", "mappings", "connection", "traffic", "settings"] as const;
export type Screen = (typeof SCREENS)[number];

export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [screen, id] = path.split("/");
  const known = SCREENS.find((name) => name === screen) ?? "exchanges";
  const number = known === "exchanges" && id && /^\d{1,15}$/.test(id) ? Number(id) : null;
  return { screen: known, id: number, filter: new URLSearchParams(search).get("filter") ?? "" };
}

export function writeRoute(route: Route): string {
  const id = route.screen === "exchanges" && route.id !== null ? `/${route.id}` : "";
  const filter = route.filter ? `?${new URLSearchParams({ filter: route.filter })}` : "";
  return `#/${route.screen}${id}${filter}`;
}

/** Goes there. `replace`: without a step in the history, as for moving along a list. */
export function go(change: Partial<Route>, replace = false): void {
  const hash = writeRoute({ ...parseRoute(location.hash), ...change });
  if (hash === location.hash) return;
  if (replace) {
    history.replaceState(null, "", hash);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = hash;
  }
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

export function useRoute(): Route {
  return parseRoute(useSyncExternalStore(subscribe, () => location.hash));
}
