/** Bytes in one line. */
export const LINE = 16;

export interface HexLine {
  offset: string;
  /** Two halves of eight. */
  left: string;
  right: string;
  text: string;
}

/** Line number `index` of a dump. */
export function hexLine(body: Uint8Array, index: number): HexLine {
  const bytes = body.subarray(index * LINE, (index + 1) * LINE);
  const hex = (part: Uint8Array) => Array.from(part, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return {
    offset: (index * LINE).toString(16).padStart(8, "0"),
    left: hex(bytes.subarray(0, 8)),
    right: hex(bytes.subarray(8)),
    text: Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join(
      "",
    ),
  };
}

export function hexLines(body: Uint8Array): number {
  return Math.ceil(body.length / LINE);
}
