import type { Summary } from "@/api/types";
import { duration } from "@/lib/format";

export type Tone = "ok" | "info" | "warn" | "bad" | "muted";

/** What became of it, by meaning. */
export function tone(row: Pick<Summary, "state" | "status" | "error">): Tone {
  if (row.state === "failed" || row.error) return "bad";
  if (row.status === null) return "muted";
  if (row.status >= 500) return "bad";
  if (row.status >= 400) return "warn";
  if (row.status >= 300) return "info";
  return row.status >= 200 ? "ok" : "info";
}

/** Tones as text colours. */
export const TONES: Record<Tone, string> = {
  ok: "text-ok",
  info: "text-info",
  warn: "text-warn",
  bad: "text-bad",
  muted: "text-muted",
};

/** The status as it stands in the list; a word where there is none. */
export function statusText(row: Pick<Summary, "state" | "status" | "kind">): string {
  if (row.status !== null) return String(row.status);
  if (row.state === "open") return "open";
  if (row.state === "done" && row.kind === "tcp") return "tcp";
  return row.state;
}

/** “POST /hook, 500, 34 milliseconds”, for those who hear the list. */
export function spoken(row: Summary): string {
  const parts = [`${row.method} ${path(row.target)}`.trim(), statusText(row)];
  if (row.name) parts.push(row.name);
  if (row.error) parts.push(row.error.replaceAll("-", " "));
  if (row.total_us !== null) parts.push(spokenDuration(row.total_us));
  if (row.source !== "visitor") parts.push(row.source);
  if (row.pinned) parts.push("pinned");
  return parts.join(", ");
}

function spokenDuration(us: number): string {
  if (us < 1_000_000) return `${Math.max(1, Math.round(us / 1000))} milliseconds`;
  return `${(us / 1_000_000).toFixed(1)} seconds`;
}

/** The path without query, as far as the target has one. */
export function path(target: string): string {
  return target.split(/[?#]/, 1)[0] || target;
}

/** A media type as short as a column: `json`, `html`, `png`. */
export function shortType(mediaType: string | null): string {
  const type = (mediaType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type === "") return "";
  if (type === "application/x-www-form-urlencoded") return "form";
  if (type === "multipart/form-data") return "multipart";
  if (type === "text/event-stream") return "sse";
  if (type === "application/octet-stream") return "binary";
  const sub = type.split("/")[1] ?? type;
  return (sub.split("+").at(-1) ?? sub).replace(/^(x|vnd)[-.]/, "");
}

/** Where the time of an exchange went, in order; what is not known is left out. */
export function timeline(row: Summary): { name: string; us: number; help: string }[] {
  const spans: { name: string; us: number; help: string }[] = [];
  const add = (name: string, us: number | null, help: string) => {
    if (us !== null && us > 0) spans.push({ name, us, help });
  };
  add("Gateway", row.gateway_us, "reading, routing and policy at the gateway");
  add("Link", row.link_us, "the way over the link and back, as measured while it was open");
  add("Connect", row.connect_us, "connecting to the local service");
  const first = row.first_byte_us;
  add(
    "First byte",
    first === null ? null : first - (row.connect_us ?? 0),
    "waiting for the local service's answer",
  );
  if (row.total_us !== null) add("Body", row.total_us - (first ?? 0), "the rest of the answer");
  return spans;
}

/** Shares of a bar that tells durations from 1 ms to 60 s apart: logarithmic, so that rows do not rescale. */
export function bar(row: Pick<Summary, "total_us" | "first_byte_us">): { wait: number; body: number } | null {
  if (row.total_us === null) return null;
  const scale = (us: number) =>
    Math.min(1, Math.max(0.02, Math.log10(Math.max(us, 1) / 500) / Math.log10(120_000)));
  const whole = scale(row.total_us);
  const wait =
    row.first_byte_us === null ? whole : whole * Math.min(1, row.first_byte_us / Math.max(1, row.total_us));
  return { wait, body: whole - wait };
}

export function durationText(row: Summary): string {
  return row.total_us === null ? "" : duration(row.total_us);
}
