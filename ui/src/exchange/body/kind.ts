/** What a body is shown as. */
export type BodyKind = "empty" | "json" | "form" | "multipart" | "image" | "html" | "xml" | "text" | "binary";

/** Bytes looked at to tell text from anything else. */
const SNIFF_BYTES = 4096;

/** Decides by the media type where there is one that says something, else by the bytes. */
export function bodyKind(mediaType: string | null, body: Uint8Array): BodyKind {
  if (body.length === 0) return "empty";
  const type = essence(mediaType);
  if (type === "multipart/form-data" || type.startsWith("multipart/")) return "multipart";
  // Words first: a service that labels binary data as text is seen as what it sent.
  const textual = isText(body);
  if (!textual && (type === "" || !type.startsWith("image/"))) return imageType(body) ? "image" : "binary";
  if (type === "application/x-www-form-urlencoded") return "form";
  if (/^(application|text)\/(.*\+)?json$/.test(type) || type === "application/x-ndjson") return "json";
  if (type === "text/html" || type === "application/xhtml+xml") return "html";
  if (type.startsWith("image/")) return "image";
  if (type.endsWith("/xml") || type.endsWith("+xml")) return "xml";
  if (type === "" || type === "application/octet-stream" || type === "text/plain") return sniff(body);
  return "text";
}

/** The type without parameters, in lower case. */
export function essence(mediaType: string | null): string {
  return (mediaType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** A parameter of a media type or of a disposition, without its quotes. */
export function parameter(value: string | null, name: string): string | null {
  const pattern = /;\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))/g;
  for (const [, given, quoted, plain] of (value ?? "").matchAll(pattern)) {
    if (given?.toLowerCase() === name) return quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "";
  }
  return null;
}

function sniff(body: Uint8Array): BodyKind {
  const start = new TextDecoder().decode(body.subarray(0, SNIFF_BYTES)).trimStart();
  if (/^[[{]/.test(start)) return "json";
  if (/^<(!doctype html|html)/i.test(start)) return "html";
  if (start.startsWith("<?xml")) return "xml";
  return "text";
}

/** UTF-8 or a single-byte text: no control bytes but the usual ones among the first. */
export function isText(body: Uint8Array): boolean {
  const start = body.subarray(0, SNIFF_BYTES);
  return !start.some(
    (byte) => byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 12 && byte !== 13 && byte !== 27,
  );
}

const MAGIC: [string, number[], number?][] = [
  ["image/png", [0x89, 0x50, 0x4e, 0x47]],
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/gif", [0x47, 0x49, 0x46, 0x38]],
  ["image/webp", [0x57, 0x45, 0x42, 0x50], 8],
  ["image/avif", [0x66, 0x74, 0x79, 0x70, 0x61, 0x76, 0x69, 0x66], 4],
  ["image/bmp", [0x42, 0x4d]],
  ["image/x-icon", [0, 0, 1, 0]],
];

/** The type of an image by its first bytes. */
export function imageType(body: Uint8Array): string | null {
  const found = MAGIC.find(([, magic, at = 0]) => magic.every((byte, index) => body[at + index] === byte));
  return found?.[0] ?? null;
}

/** Text by its charset; one that is not known is read as UTF-8. */
export function decodeText(body: Uint8Array, charset: string | null): string {
  try {
    return new TextDecoder(charset ?? "utf-8").decode(body);
  } catch {
    return new TextDecoder().decode(body);
  }
}
