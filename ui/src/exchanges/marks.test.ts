import { describe, expect, it } from "vitest";
import { inOrder, MAX_MARKS, type Marks, NO_MARKS, ranged, toggled } from "./marks";

const rows = [9, 7, 5, 3, 1].map((id) => ({ id }));
const ids = (marks: Marks) => [...marks.ids];

describe("marks", () => {
  it("are put and taken away one by one", () => {
    const two = toggled(toggled(NO_MARKS, 7), 3);
    expect(ids(two)).toEqual([7, 3]);
    expect(ids(toggled(two, 7))).toEqual([3]);
  });

  it("follow a range from where it began, both ways, and shrink with it", () => {
    const begun = toggled(NO_MARKS, 5);
    expect(ids(ranged(begun, rows, null, 1))).toEqual([5, 3, 1]);
    expect(ids(ranged(ranged(begun, rows, null, 1), rows, null, 3))).toEqual([5, 3]);
    expect(ids(ranged(ranged(begun, rows, null, 1), rows, null, 9))).toEqual([5, 7, 9]);
  });

  it("begin a range at what is open, or else where it ends", () => {
    expect(ids(ranged(NO_MARKS, rows, 7, 3))).toEqual([7, 5, 3]);
    expect(ids(ranged(NO_MARKS, rows, null, 3))).toEqual([3]);
    expect(ids(ranged({ ids: new Set([8]), anchor: 8 }, rows, 4, 3))).toEqual([3]);
  });

  it("do not change for a row that is not there", () => {
    const one = toggled(NO_MARKS, 5);
    expect(ranged(one, rows, null, 4)).toBe(one);
  });

  it("are told in the order in which the requests came, without those that are gone", () => {
    const marks = { ids: new Set([7, 1, 8]), anchor: null };
    expect(inOrder(marks, rows)).toEqual([{ id: 1 }, { id: 7 }]);
  });

  it("are never more than the engine takes", () => {
    const many = Array.from({ length: MAX_MARKS + 2 }, (_, id) => ({ id }));
    const full = ranged(NO_MARKS, many, 0, MAX_MARKS + 1);
    expect(full.ids.size).toBe(MAX_MARKS);
    expect(toggled(full, MAX_MARKS).ids.size).toBe(MAX_MARKS);
    expect(ranged(NO_MARKS, many, 0, MAX_MARKS - 1).ids.size).toBe(MAX_MARKS);
    expect(ranged(NO_MARKS, many, 0, MAX_MARKS - 2).ids.size).toBe(MAX_MARKS - 1);
  });
});
