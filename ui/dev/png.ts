import { crc32, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE_BYTES = 8;
/** Length, type and checksum around the data of a chunk. */
const AROUND_CHUNK = 12;

/**
 * The same picture in fewer bytes. Screens are flat areas and letters that repeat: without PNG's filters,
 * which the browser uses, deflate finds them again.
 */
export function smaller(png: Buffer): Buffer {
  const chunks = read(png);
  const head = chunks.find(({ type }) => type === "IHDR")?.data ?? Buffer.alloc(0);
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)];
  const depth = { 2: 3, 6: 4 }[head[9] ?? 0] ?? 0;
  if (head[8] !== 8 || depth === 0 || head[12] !== 0) return png;
  const data = Buffer.concat(chunks.filter(({ type }) => type === "IDAT").map((chunk) => chunk.data));
  const rows = unfiltered(inflateSync(data), width * depth, height, depth);
  const best = deflateSync(rows, { level: 9, memLevel: 9 });
  return Buffer.concat([
    png.subarray(0, SIGNATURE_BYTES),
    chunk("IHDR", head),
    chunk("IDAT", best),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function read(png: Buffer): { type: string; data: Buffer }[] {
  const chunks = [];
  for (let at = SIGNATURE_BYTES; at < png.length; ) {
    const length = png.readUInt32BE(at);
    chunks.push({
      type: png.toString("latin1", at + 4, at + 8),
      data: png.subarray(at + 8, at + 8 + length),
    });
    at += length + AROUND_CHUNK;
  }
  return chunks;
}

function chunk(type: string, data: Buffer): Buffer {
  const whole = Buffer.alloc(data.length + AROUND_CHUNK);
  whole.writeUInt32BE(data.length, 0);
  whole.write(type, 4, "latin1");
  data.copy(whole, 8);
  whole.writeUInt32BE(crc32(whole.subarray(4, -4)), data.length + 8);
  return whole;
}

/** The rows with the filter of each turned into none: PNG specification, section 9.2. */
function unfiltered(filtered: Buffer, stride: number, height: number, depth: number): Buffer {
  const rows = Buffer.alloc((stride + 1) * height);
  for (let y = 0; y < height; y += 1) {
    const start = y * (stride + 1) + 1;
    const filter = filtered[start - 1];
    for (let x = 0; x < stride; x += 1) {
      const at = start + x;
      const left = x >= depth ? (rows[at - depth] ?? 0) : 0;
      const up = y > 0 ? (rows[at - stride - 1] ?? 0) : 0;
      const corner = x >= depth && y > 0 ? (rows[at - stride - 1 - depth] ?? 0) : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter ?? 0] ?? 0;
      rows[at] = (filtered[at] ?? 0) + guess;
    }
  }
  return rows;
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const [toLeft, toUp, toCorner] = [left, up, corner].map((value) => Math.abs(guess - value)) as [
    number,
    number,
    number,
  ];
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}
