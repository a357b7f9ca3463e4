import { KEYS } from "./vocabulary";

/** A stretch of a filter's text between spaces that are not in quotes. */
export interface Token {
  text: string;
  start: number;
  end: number;
}

/** Cuts a filter into its terms; a quote that is still open goes to the end. */
export function tokens(filter: string): Token[] {
  const found: Token[] = [];
  let start = -1;
  let quoted = false;
  for (let at = 0; at <= filter.length; at += 1) {
    const char = filter[at];
    if (char === undefined || (!quoted && /\s/.test(char))) {
      if (start >= 0) found.push({ text: filter.slice(start, at), start, end: at });
      start = -1;
      continue;
    }
    if (start < 0) start = at;
    if (quoted && char === "\\") at += 1;
    else if (char === '"') quoted = !quoted;
  }
  return found;
}

/** Whether the filter has this very term. */
export function has(filter: string, term: string): boolean {
  return tokens(filter).some((token) => token.text === term);
}

/** The filter with the term added, or without it where it was there. */
export function toggle(filter: string, term: string): string {
  const terms = tokens(filter).map((token) => token.text);
  const rest = terms.filter((text) => text !== term);
  return (rest.length === terms.length ? terms.concat(term) : rest).join(" ");
}

/** Whether the last term is still being written: a key without its value, or a quote that is open. */
export function unfinished(filter: string): boolean {
  const last = tokens(filter).at(-1)?.text ?? "";
  const quotes = last.replace(/\\./g, "").split('"').length - 1;
  return quotes % 2 === 1 || last === "-" || /^-?[a-z]+:$/i.test(last);
}

/** A value as it stands behind a colon: quoted where it must be. */
export function quoted(value: string): string {
  return /[\s"]/.test(value) || value === "" ? `"${value.replace(/[\\"]/g, "\\$&")}"` : value;
}

export interface Suggestion {
  /** What is shown. */
  label: string;
  help: string;
  /** The whole filter with it, and where the caret goes. */
  filter: string;
  caret: number;
}

/** Most suggestions shown at once: a list that needs no scrolling. */
export const MAX_SUGGESTIONS = 10;

/** What the word under the caret could become: keys first, then a key's values. */
export function complete(filter: string, caret: number, mappings: readonly string[]): Suggestion[] {
  const token = tokens(filter).find((one) => one.start <= caret && caret <= one.end);
  const [start, end] = token ? [token.start, token.end] : [caret, caret];
  const typed = filter.slice(start, caret);
  if (typed.includes('"') && !typed.includes(":")) return [];
  const minus = typed.startsWith("-") ? "-" : "";
  const word = typed.slice(minus.length);
  const put = (text: string, open: boolean): Pick<Suggestion, "filter" | "caret"> => {
    const after = filter.slice(end);
    const term = minus + text + (open || after.startsWith(" ") ? "" : " ");
    return {
      filter: filter.slice(0, start) + term + after,
      caret: start + term.length + (!open && after.startsWith(" ") ? 1 : 0),
    };
  };
  const colon = word.indexOf(":");
  if (colon < 0) {
    return KEYS.filter((key) => key.name.startsWith(word.toLowerCase()))
      .slice(0, MAX_SUGGESTIONS)
      .map((key) => ({ label: `${minus}${key.name}:`, help: key.help, ...put(`${key.name}:`, true) }));
  }
  const key = KEYS.find((one) => one.name === word.slice(0, colon).toLowerCase());
  if (!key) return [];
  const value = word.slice(colon + 1);
  const comma = value.lastIndexOf(",") + 1;
  const [kept, last] = [value.slice(0, comma), value.slice(comma).toLowerCase()];
  const values = key.name === "mapping" ? mappings.map(quoted) : key.values;
  return values
    .filter((one) => one.toLowerCase().startsWith(last) && one.toLowerCase() !== last)
    .slice(0, MAX_SUGGESTIONS)
    .map((one) => ({ label: one, help: "", ...put(`${key.name}:${kept}${one}`, false) }));
}
