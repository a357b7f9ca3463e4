import type { Field } from "@/api/types";

/** The cookies that a visitor sent. */
export function requestCookies(fields: readonly Field[]): [string, string][] {
  return fields
    .filter(([name]) => name.toLowerCase() === "cookie")
    .flatMap(([, value]) => value.split(";"))
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "")
    .map(split);
}

export interface SetCookie {
  name: string;
  value: string;
  /** `Path=/`, `HttpOnly`, … as they were written. */
  attributes: string[];
}

/** The cookies that an answer sets. */
export function setCookies(fields: readonly Field[]): SetCookie[] {
  return fields
    .filter(([name]) => name.toLowerCase() === "set-cookie")
    .map(([, text]) => {
      const [pair = "", ...attributes] = text.split(";").map((part) => part.trim());
      const [name, value] = split(pair);
      return { name, value, attributes };
    });
}

function split(pair: string): [string, string] {
  const at = pair.indexOf("=");
  return at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
}
