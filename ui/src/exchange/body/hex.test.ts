import { expect, it } from "vitest";
import { hexLine, hexLines } from "./hex";

it("writes sixteen bytes a line, with what can be read of them", () => {
  const body = new TextEncoder().encode("0123456789abcdefX\n");
  expect(hexLines(body)).toBe(2);
  expect(hexLine(body, 0)).toEqual({
    offset: "00000000",
    left: "30 31 32 33 34 35 36 37",
    right: "38 39 61 62 63 64 65 66",
    text: "0123456789abcdef",
  });
  expect(hexLine(body, 1)).toEqual({ offset: "00000010", left: "58 0a", right: "", text: "X·" });
});
