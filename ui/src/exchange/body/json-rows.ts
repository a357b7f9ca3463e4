import { type Json, step } from "./json";

/** One line of the tree. */
export interface JsonRow {
  path: string;
  depth: number;
  /** Its name or place; null for the root. */
  label: string | number | null;
  value: Json;
  /** How many it has inside; null where it cannot have any. */
  size: number | null;
  open: boolean;
}

/** Lines that are open at first: about three screens. */
const OPEN_ROWS = 120;

/** The paths open at first: level by level, as long as there is room. */
export function initiallyOpen(root: Json): Set<string> {
  const open = new Set<string>();
  let level: [string, Json][] = [["$", root]];
  let rows = 1;
  while (level.length > 0) {
    const next: [string, Json][] = [];
    for (const [path, value] of level) {
      const inside = children(value);
      if (inside.length === 0) continue;
      if (path !== "$" && rows + inside.length > OPEN_ROWS) return open;
      rows += inside.length;
      open.add(path);
      for (const [key, child] of inside) next.push([path + step(key), child]);
    }
    level = next;
  }
  return open;
}

/** The visible lines; with words to search for, those that have them and what they stand in. */
export function jsonRows(root: Json, open: ReadonlySet<string>, search: string): JsonRow[] {
  const rows: JsonRow[] = [];
  const word = search.trim().toLowerCase();
  walk(root, "$", null, 0, rows, open, word);
  return rows;
}

/** Whether it was found in here. Lines are added for what is found, and for what they stand in. */
function walk(
  value: Json,
  path: string,
  label: string | number | null,
  depth: number,
  rows: JsonRow[],
  open: ReadonlySet<string>,
  word: string,
): boolean {
  const inside = children(value);
  const size = value.kind === "object" || value.kind === "array" ? inside.length : null;
  const row: JsonRow = {
    path,
    depth,
    label,
    value,
    size,
    open: size !== null && (word !== "" || open.has(path)),
  };
  const at = rows.push(row) - 1;
  let found = word === "" || hit(row, word);
  if (row.open) {
    for (const [key, child] of inside) {
      if (walk(child, path + step(key), key, depth + 1, rows, open, word)) found = true;
    }
  }
  if (!found && depth > 0) rows.length = at;
  return found;
}

export function hit(row: JsonRow, word: string): boolean {
  if (typeof row.label === "string" && row.label.toLowerCase().includes(word)) return true;
  switch (row.value.kind) {
    case "string":
      return row.value.value.toLowerCase().includes(word);
    case "number":
    case "word":
      return row.value.raw.toLowerCase().includes(word);
    default:
      return false;
  }
}

function children(value: Json): [string | number, Json][] {
  if (value.kind === "object") return value.members;
  if (value.kind === "array") return value.elements.map((one, index) => [index, one]);
  return [];
}
