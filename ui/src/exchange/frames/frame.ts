import type { Frame } from "@/api/types";
import { parseJson, writeJson } from "../body/json";

/** The bytes of a frame. */
export function frameBytes(frame: Frame): Uint8Array<ArrayBuffer> {
  if (frame.payload_encoding === "utf-8") return new TextEncoder().encode(frame.payload);
  return Uint8Array.from(atob(frame.payload), (char) => char.charCodeAt(0));
}

/** The text of a frame, JSON indented; null for bytes. */
export function frameText(frame: Frame): string | null {
  if (frame.payload_encoding !== "utf-8") return null;
  const json = /^\s*[[{]/.test(frame.payload) ? parseJson(frame.payload) : null;
  return json ? writeJson(json) : frame.payload;
}

/** The kinds of RFC 6455, section 5.2, as people call them. */
const KINDS: Record<number, string> = {
  0: "more",
  1: "text",
  2: "binary",
  8: "close",
  9: "ping",
  10: "pong",
};

/** What a frame is: an event's name, or the kind of a WebSocket frame. */
export function frameKind(frame: Pick<Frame, "event" | "opcode">): string {
  return frame.event ?? KINDS[frame.opcode] ?? `opcode ${frame.opcode}`;
}

/** What a frame says, as far as it goes into one line. A closing one begins with its code, which is told beside. */
export function framePreview(frame: Frame): string {
  if (frame.close_code != null) {
    return new TextDecoder().decode(frameBytes(frame).subarray(CODE_BYTES));
  }
  return frame.payload.slice(0, IN_LINE).replace(/[\r\n]+/g, " ");
}

/** Characters of a payload in its line. */
const IN_LINE = 200;
/** Of the code that a closing frame begins with. */
const CODE_BYTES = 2;

/** The reasons that RFC 6455, section 7.4.1, names. */
const CLOSE: Record<number, string> = {
  1000: "normal end",
  1001: "going away",
  1002: "protocol error",
  1003: "data not accepted",
  1005: "no code",
  1006: "broke off",
  1007: "text that is no UTF-8",
  1008: "against the policy",
  1009: "too big",
  1010: "extension missing",
  1011: "server error",
  1012: "service restarts",
  1013: "try again later",
  1015: "TLS failed",
};

export function closeReason(code: number): string {
  const known = CLOSE[code];
  return known ? `${code}, ${known}` : String(code);
}

/** The frames in which the words stand: in the payload, the kind or the event's name. */
export function framesWith(frames: readonly Frame[], search: string): Frame[] {
  const word = search.trim().toLowerCase();
  if (word === "") return [...frames];
  return frames.filter((frame) =>
    [frameKind(frame), frame.payload_encoding === "utf-8" ? frame.payload : ""].some((text) =>
      text.toLowerCase().includes(word),
    ),
  );
}
