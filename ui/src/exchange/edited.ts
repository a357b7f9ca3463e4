import type { Exchange, Field, ReplayInput } from "@/api/types";

/** A request as it is edited. */
export interface Draft {
  method: string;
  target: string;
  /** `Name: value`, a line each. */
  fields: string;
  /** Null: the body cannot be shown as text and goes out as it was. */
  body: string | null;
}

/** Framing is made anew from the body that is sent. */
const FRAMING = ["content-length", "transfer-encoding"];

export function draftOf(exchange: Exchange, body: string | null): Draft {
  const fields = exchange.request.fields.filter(([name]) => !FRAMING.includes(name.toLowerCase()));
  return {
    method: exchange.method,
    target: exchange.target,
    fields: fields.map(([name, value]) => `${name}: ${value}`).join("\n"),
    body,
  };
}

/** What was changed, as the engine wants it; or a sentence per field that is wrong. */
export function changes(
  before: Draft,
  after: Draft,
): { input: ReplayInput } | { errors: Record<string, string> } {
  const errors: Record<string, string> = {};
  const input: ReplayInput = {};
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(after.method)) errors.method = "Letters, such as POST.";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is they that are refused
  if (!/^[^\s\u0000-\u0020]+$/.test(after.target))
    errors.target = "A path such as /hook?id=1, without spaces.";
  const fields = readFields(after.fields);
  if (typeof fields === "string") errors.fields = fields;
  if (Object.keys(errors).length > 0) return { errors };
  if (after.method !== before.method) input.method = after.method;
  if (after.target !== before.target) input.target = after.target;
  if (after.fields !== before.fields) input.fields = fields as Field[];
  if (after.body !== null && after.body !== before.body) {
    input.body = after.body;
    input.body_encoding = "utf-8";
  }
  return { input };
}

/** Lines as fields, or which line is none. */
export function readFields(text: string): Field[] | string {
  const fields: Field[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*:[ \t]*(.*)$/.exec(line);
    if (!match) return `Line ${index + 1} is no header: write it as Name: value.`;
    fields.push([match[1] ?? "", (match[2] ?? "").trimEnd()]);
  }
  return fields;
}
