import type { ExchangePage, Summary } from "@/api/types";

/**
 * The list as it is held by the page: newest first, by id, without gaps.
 *
 * Rows that came while the reader was further down wait in `waiting`, so that nothing moves under the
 * eyes; known rows are replaced in place wherever they stand.
 */
export interface ListState {
  rows: Summary[];
  waiting: Summary[];
  /** What to ask for older ones with; null: there are none. */
  nextBefore: number | null;
  total: number | null;
}

/** Rows that the page holds: as many as the engine keeps by default would be 100,000 × 0.6 KB. */
export const MAX_ROWS = 20_000;

export const EMPTY: ListState = { rows: [], waiting: [], nextBefore: null, total: null };

/** The first page of a list. */
export function first(page: ExchangePage): ListState {
  return { rows: page.exchanges, waiting: [], nextBefore: page.next_before, total: page.total };
}

/** Older rows, added at the end; ones that are there already stay once. */
export function older(state: ListState, page: ExchangePage): ListState {
  const last = state.rows.at(-1)?.id ?? Number.POSITIVE_INFINITY;
  const rows = state.rows.concat(page.exchanges.filter((row) => row.id < last));
  const full = rows.length >= MAX_ROWS;
  return { ...state, rows, nextBefore: full ? null : page.next_before };
}

/**
 * Rows that were told live, in any order, several versions of one among them (the last one counts).
 * `hold`: new ones wait until they are asked for.
 */
export function arrived(state: ListState, told: readonly Summary[], hold: boolean): ListState {
  const latest = new Map(told.map((row) => [row.id, row]));
  if (latest.size === 0) return state;
  const rows = replace(state.rows, latest);
  const waiting = replace(state.waiting, latest);
  const newest = waiting[0]?.id ?? rows[0]?.id ?? -1;
  const oldest = rows.at(-1)?.id ?? -1;
  const fresh: Summary[] = [];
  const late: Summary[] = [];
  for (const row of latest.values()) {
    if (row.id > newest) fresh.push(row);
    // One that ended late among those shown. Older than all: it comes with its page.
    else if (row.id > oldest) late.push(row);
  }
  const total = state.total === null ? null : state.total + fresh.length;
  const shown = insert(rows, late);
  fresh.sort(byId);
  if (hold) return { ...state, rows: shown, waiting: cut(fresh.concat(waiting)), total };
  return bounded({ ...state, rows: fresh.concat(waiting, shown), waiting: [], total });
}

/**
 * The newest page, fetched again: its rows replace what they cover. Where it does not reach down to
 * what is known, rows are missing between: the list begins anew.
 */
export function refreshed(state: ListState, page: ExchangePage, hold: boolean): ListState {
  const known = state.waiting.concat(state.rows);
  const newest = known[0]?.id ?? -1;
  const oldest = page.exchanges.at(-1)?.id ?? -1;
  if (known.length === 0 || (page.next_before !== null && oldest > newest)) return first(page);
  const fresh = page.exchanges.filter((row) => row.id > newest);
  const covered = new Map(page.exchanges.map((row) => [row.id, row]));
  // Known rows that the page covers and does not name are gone: deleted, or no longer a match.
  const from = page.next_before === null ? -1 : oldest;
  const kept = (rows: Summary[]) =>
    rows.filter((row) => row.id < from || covered.has(row.id)).map((row) => covered.get(row.id) ?? row);
  const [rows, waiting] = [kept(state.rows), kept(state.waiting)];
  const next = { ...state, total: page.total };
  if (hold && rows.length > 0) return { ...next, rows, waiting: cut(fresh.concat(waiting)) };
  return bounded({ ...next, rows: fresh.concat(waiting, rows), waiting: [] });
}

/** What waited is shown. */
export function shown(state: ListState): ListState {
  if (state.waiting.length === 0) return state;
  return bounded({ ...state, rows: state.waiting.concat(state.rows), waiting: [] });
}

export function without(state: ListState, id: number): ListState {
  const keep = (row: Summary) => row.id !== id;
  const total = state.total === null ? null : state.total - 1;
  return { ...state, rows: state.rows.filter(keep), waiting: state.waiting.filter(keep), total };
}

function byId(a: Summary, b: Summary): number {
  return b.id - a.id;
}

/** Known ones in their newest version; they leave `latest`. */
function replace(rows: Summary[], latest: Map<number, Summary>): Summary[] {
  if (!rows.some((row) => latest.has(row.id))) return rows;
  return rows.map((row) => {
    const newer = latest.get(row.id);
    if (newer) latest.delete(row.id);
    return newer ?? row;
  });
}

function insert(rows: Summary[], late: Summary[]): Summary[] {
  return late.length === 0 ? rows : rows.concat(late).sort(byId);
}

function cut(rows: Summary[]): Summary[] {
  return rows.length > MAX_ROWS ? rows.slice(0, MAX_ROWS) : rows;
}

/** At most [`MAX_ROWS`]; what is cut off can be asked for again. */
function bounded(state: ListState): ListState {
  if (state.rows.length <= MAX_ROWS) return state;
  const rows = cut(state.rows);
  return { ...state, rows, nextBefore: rows.at(-1)?.id ?? null };
}
