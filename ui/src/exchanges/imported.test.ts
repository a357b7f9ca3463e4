import { expect, it } from "vitest";
import { importedSentence } from "./imported";

const given = { first_id: 1, last_id: 12 };

it("tells how many were taken in, and of the rest why", () => {
  expect(importedSentence({ ...given, taken_in: 1, left_out: 0, reasons: [] })).toBe("1 exchange taken in");
  const reasons = [1, 3, 5, 7].map((entry) => ({ entry, reason: "it has no URL" }));
  expect(importedSentence({ ...given, taken_in: 12, left_out: 1, reasons: reasons.slice(0, 1) })).toBe(
    "12 exchanges taken in, 1 left out: entry 1: it has no URL",
  );
  expect(importedSentence({ ...given, taken_in: 0, left_out: 200, reasons })).toBe(
    "0 exchanges taken in, 200 left out: entry 1: it has no URL; entry 3: it has no URL; entry 5: it has no URL; and 197 more",
  );
});
