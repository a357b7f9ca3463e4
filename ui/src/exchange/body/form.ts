/** `a=1&b=2` as pairs, in order, decoded; what cannot be decoded stays as it was. */
export function parseForm(text: string): [string, string][] {
  return text
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const at = pair.indexOf("=");
      return at < 0 ? [decode(pair), ""] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))];
    });
}

/** The query of a request's target as pairs. */
export function parseQuery(target: string): [string, string][] {
  const at = target.indexOf("?");
  return at < 0 ? [] : parseForm(target.slice(at + 1).split("#", 1)[0] ?? "");
}

function decode(text: string): string {
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
