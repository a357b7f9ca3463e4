import { expect, it } from "vitest";
import { MAX_LINE, sourceLines } from "./source";

it("numbers lines whatever ends them, without an empty one at the end", () => {
  expect(sourceLines("a\r\nb\n\nc\n")).toEqual([
    { number: 1, text: "a" },
    { number: 2, text: "b" },
    { number: 3, text: "" },
    { number: 4, text: "c" },
  ]);
});

it("cuts a line at its bound and not before", () => {
  expect(sourceLines("x".repeat(MAX_LINE))).toHaveLength(1);
  const cut = sourceLines("x".repeat(MAX_LINE + 1));
  expect(cut.map((line) => [line.number, line.text.length])).toEqual([
    [1, MAX_LINE],
    [null, 1],
  ]);
});
