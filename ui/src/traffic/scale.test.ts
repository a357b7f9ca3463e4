import { expect, it } from "vitest";
import { line, ticks } from "./scale";

it("steps in round numbers that reach beyond the highest", () => {
  expect(ticks(37)).toEqual([0, 10, 20, 30, 40]);
  expect(ticks(4)).toEqual([0, 1, 2, 3, 4]);
  expect(ticks(0)).toEqual([0, 1]);
  for (const max of [0.3, 1, 7, 99, 101, 1234, 5e6]) {
    const steps = ticks(max);
    expect(steps.at(-1)).toBeGreaterThanOrEqual(max);
    expect(steps.length).toBeLessThanOrEqual(6);
  }
});

it("breaks a line where there is nothing", () => {
  expect(
    line(
      [1, null, 2, 3],
      (x) => x,
      (y) => y,
    ),
  ).toBe("M0.0 1.0M2.0 2.0L3.0 3.0");
});
