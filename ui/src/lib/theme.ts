import { stored } from "./stored";

export type Theme = "system" | "light" | "dark";

export function readTheme(text: string | null): Theme {
  return text === "light" || text === "dark" ? text : "system";
}

/** Puts the look on the document; `system` follows what the computer says. */
export function applyTheme(theme: Theme = readTheme(stored("theme"))): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
