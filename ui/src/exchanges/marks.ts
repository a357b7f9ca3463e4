import type { Summary } from "@/api/types";

/** Exchanges that are marked together: as many as the engine sends again with one request. */
export const MAX_MARKS = 100;

type Rows = readonly Pick<Summary, "id">[];

/** The exchanges that are marked, by their numbers. */
export interface Marks {
  ids: ReadonlySet<number>;
  /** Where a range begins: the one that was marked by itself last. */
  anchor: number | null;
}

export const NO_MARKS: Marks = { ids: new Set(), anchor: null };

/** Marks one more, or no longer. */
export function toggled(marks: Marks, id: number): Marks {
  const ids = new Set(marks.ids);
  if (!ids.delete(id) && ids.size < MAX_MARKS) ids.add(id);
  return { ids, anchor: id };
}

/**
 * Marks what lies between the anchor and this one, both among it, and nothing else. Without an anchor (or when it
 * is no longer in the list) the range begins at `from`.
 */
export function ranged(marks: Marks, rows: Rows, from: number | null, to: number): Marks {
  const place = (id: number | null) => (id === null ? -1 : rows.findIndex((row) => row.id === id));
  const end = place(to);
  if (end < 0) return marks;
  const anchor = place(marks.anchor) >= 0 ? marks.anchor : place(from) >= 0 ? from : to;
  const start = place(anchor);
  const step = end < start ? -1 : 1;
  const ids = new Set<number>();
  for (let at = start; ids.size < MAX_MARKS; at += step) {
    const row = rows[at];
    if (row) ids.add(row.id);
    if (at === end) break;
  }
  return { ids, anchor };
}

/** The rows that are marked, in the order in which their requests came. */
export function inOrder<Row extends Pick<Summary, "id">>(marks: Marks, rows: readonly Row[]): Row[] {
  if (marks.ids.size === 0) return [];
  return rows.filter((row) => marks.ids.has(row.id)).sort((a, b) => a.id - b.id);
}
