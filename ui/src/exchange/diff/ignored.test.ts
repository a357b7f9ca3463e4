import { expect, it } from "vitest";
import { rules } from "./ignored";

it("takes rules with spaces or commas between", () => {
  expect(rules(" $.id,  header:date\n$..at, ")).toBe("$.id,header:date,$..at");
  expect(rules(null)).toBe("");
});
