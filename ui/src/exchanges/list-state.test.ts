import { describe, expect, it } from "vitest";
import type { ExchangePage, Summary } from "@/api/types";
import {
  arrived,
  EMPTY,
  first,
  type ListState,
  MAX_ROWS,
  older,
  refreshed,
  shown,
  without,
} from "./list-state";

const row = (id: number, status: number | null = 200) => ({ id, status }) as Summary;
const page = (ids: number[], next: number | null = null): ExchangePage => ({
  exchanges: ids.map((id) => row(id)),
  next_before: next,
  total: null,
});
const ids = (rows: Summary[]) => rows.map((one) => one.id);

describe("the list of exchanges", () => {
  it("shows new ones at the top while the reader is there", () => {
    const state = arrived(first(page([3, 2, 1])), [row(5), row(4)], false);
    expect(ids(state.rows)).toEqual([5, 4, 3, 2, 1]);
    expect(state.waiting).toEqual([]);
  });

  it("lets new ones wait while the reader is further down", () => {
    const held = arrived(arrived(first(page([3, 2, 1])), [row(4)], true), [row(6), row(5)], true);
    expect(ids(held.rows)).toEqual([3, 2, 1]);
    expect(ids(held.waiting)).toEqual([6, 5, 4]);
    expect(ids(shown(held).rows)).toEqual([6, 5, 4, 3, 2, 1]);
  });

  it("replaces a known one in place, shown or waiting, by its last version", () => {
    const held = arrived(first(page([2, 1])), [row(3, null)], true);
    const state = arrived(held, [row(3, 500), row(1, 404), row(3, 503)], true);
    expect(state.rows.map((one) => one.status)).toEqual([200, 404]);
    expect(state.waiting.map((one) => one.status)).toEqual([503]);
  });

  it("puts one that ended late where it belongs and leaves out what lies below the last page", () => {
    const state = arrived(first(page([9, 7, 5], 5)), [row(8), row(3)], true);
    expect(ids(state.rows)).toEqual([9, 8, 7, 5]);
    expect(state.waiting).toEqual([]);
  });

  it("adds older ones once", () => {
    const state = older(first(page([5, 4], 4)), page([4, 3], 3));
    expect(ids(state.rows)).toEqual([5, 4, 3]);
    expect(state.nextBefore).toBe(3);
  });

  it("takes a page fetched again for what it covers, with what has gone", () => {
    const state = refreshed(older(first(page([6, 5, 4], 4)), page([3, 2])), page([7, 6, 4], 4), false);
    expect(ids(state.rows)).toEqual([7, 6, 4, 3, 2]);
  });

  it("begins anew where rows are missing between what is known and the newest page", () => {
    const state = refreshed(first(page([3, 2, 1])), page([90, 89], 89), true);
    expect(ids(state.rows)).toEqual([90, 89]);
    expect(state.nextBefore).toBe(89);
  });

  it("is empty when a page fetched again is", () => {
    expect(ids(refreshed(first(page([3, 2])), page([]), false).rows)).toEqual([]);
  });

  it("fills an empty list even while holding", () => {
    expect(ids(refreshed(EMPTY, page([2, 1]), true).rows)).toEqual([2, 1]);
  });

  it("forgets a deleted one", () => {
    const held = arrived(first(page([2, 1])), [row(3)], true);
    expect(ids(without(held, 3).waiting)).toEqual([]);
    expect(ids(without(held, 1).rows)).toEqual([2]);
  });

  it("holds exactly its bound and can ask for what it cut off", () => {
    const many = (count: number): ListState =>
      first(page(Array.from({ length: count }, (_, index) => count - index)));
    const full = arrived(many(MAX_ROWS - 1), [row(MAX_ROWS)], false);
    expect(full.rows).toHaveLength(MAX_ROWS);
    expect(full.nextBefore).toBeNull();
    const over = arrived(full, [row(MAX_ROWS + 1)], false);
    expect(over.rows).toHaveLength(MAX_ROWS);
    expect(over.nextBefore).toBe(2);
  });
});
