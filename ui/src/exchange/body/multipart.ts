import { essence, parameter } from "./kind";

export interface Part {
  name: string | null;
  filename: string | null;
  mediaType: string | null;
  fields: [string, string][];
  body: Uint8Array<ArrayBuffer>;
  /** The body ended within it: bytes are missing. */
  cut: boolean;
}

/** Parts shown: more than a form has fields. */
export const MAX_PARTS = 500;

/** The parts of a multipart body (RFC 2046), or null where it is none. */
export function parseMultipart(body: Uint8Array<ArrayBuffer>, mediaType: string | null): Part[] | null {
  const boundary = parameter(mediaType, "boundary");
  if (!essence(mediaType).startsWith("multipart/") || !boundary) return null;
  const mark = new TextEncoder().encode(`--${boundary}`);
  const parts: Part[] = [];
  let at = find(body, mark, 0);
  while (at >= 0 && parts.length < MAX_PARTS) {
    const start = endOfLine(body, at + mark.length);
    // `--` behind the mark is the end.
    if (start < 0 || (body[at + mark.length] === 0x2d && body[at + mark.length + 1] === 0x2d)) break;
    at = nextMark(body, mark, start);
    parts.push(part(body.subarray(start, at < 0 ? body.length : beforeBreak(body, at)), at < 0));
  }
  return parts;
}

function part(bytes: Uint8Array<ArrayBuffer>, cut: boolean): Part {
  const fields: [string, string][] = [];
  let at = 0;
  for (;;) {
    const end = endOfLine(bytes, at);
    const line = new TextDecoder().decode(bytes.subarray(at, end < 0 ? bytes.length : end)).trimEnd();
    at = end < 0 ? bytes.length : end;
    if (line === "") break;
    const colon = line.indexOf(":");
    if (colon > 0) fields.push([line.slice(0, colon), line.slice(colon + 1).trim()]);
  }
  const field = (name: string) => fields.find(([given]) => given.toLowerCase() === name)?.[1] ?? null;
  const disposition = field("content-disposition");
  return {
    name: parameter(disposition, "name"),
    filename: parameter(disposition, "filename"),
    mediaType: field("content-type"),
    fields,
    body: bytes.subarray(at),
    cut,
  };
}

/** The next mark at the beginning of a line. */
function nextMark(body: Uint8Array, mark: Uint8Array, from: number): number {
  for (let at = find(body, mark, from); at >= 0; at = find(body, mark, at + 1)) {
    if (at === from || body[at - 1] === 0x0a) return at;
  }
  return -1;
}

function beforeBreak(body: Uint8Array, at: number): number {
  const end = body[at - 1] === 0x0a ? at - 1 : at;
  return body[end - 1] === 0x0d ? end - 1 : end;
}

/** Where the line that `from` is in has ended, or -1. */
function endOfLine(body: Uint8Array, from: number): number {
  const at = body.indexOf(0x0a, from);
  return at < 0 ? -1 : at + 1;
}

function find(body: Uint8Array, what: Uint8Array, from: number): number {
  const [head] = what;
  if (head === undefined) return -1;
  for (let at = body.indexOf(head, from); at >= 0; at = body.indexOf(head, at + 1)) {
    if (what.every((byte, index) => body[at + index] === byte)) return at;
  }
  return -1;
}
