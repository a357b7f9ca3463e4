import { useSyncExternalStore } from "react";

/** Where the page is; written behind the `#`, so that the engine serves one document and reloads stay. */
export interface Route {
  screen: Screen;
  /** The exchange that is open beside the list. */
  id: number | null;
  filter: string;
  /** What a screen is to begin with: `qr` of a mapping, `expose` a port. */
  start: Start | null;
}

export interface Start {
  what: "qr" | "expose";
  of: string;
}

export const SCREENS = ["exchanges", "mappings", "connection", "traffic", "settings", "gateway"] as const;
export type Screen = (typeof SCREENS)[number];

export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [screen, id] = path.split("/");
  const known = SCREENS.find((name) => name === screen) ?? "exchanges";
  const number = known === "exchanges" && id && /^\d{1,15}$/.test(id) ? Number(id) : null;
  const params = new URLSearchParams(search);
  return { screen: known, id: number, filter: params.get("filter") ?? "", start: startOf(known, params) };
}

function startOf(screen: Screen, params: URLSearchParams): Start | null {
  if (screen !== "mappings") return null;
  for (const what of ["qr", "expose"] as const) {
    const of = params.get(what);
    if (of !== null) return { what, of };
  }
  return null;
}

export function writeRoute(route: Route): string {
  const id = route.screen === "exchanges" && route.id !== null ? `/${route.id}` : "";
  const params = new URLSearchParams();
  if (route.filter) params.set("filter", route.filter);
  if (route.start && route.screen === "mappings") params.set(route.start.what, route.start.of);
  return `#/${route.screen}${id}${params.size > 0 ? `?${params}` : ""}`;
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
