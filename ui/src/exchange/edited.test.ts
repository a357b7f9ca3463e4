import { describe, expect, it } from "vitest";
import type { Exchange } from "@/api/types";
import { changes, draftOf, readFields } from "./edited";

const exchange = {
  method: "POST",
  target: "/hook",
  request: {
    fields: [
      ["Host", "a.example"],
      ["Content-Length", "2"],
      ["X-One", "1"],
      ["X-One", "2"],
    ],
  },
} as unknown as Exchange;
const before = draftOf(exchange, "{}");

describe("an edited request", () => {
  it("shows the fields without framing, repeats too", () => {
    expect(before.fields).toBe("Host: a.example\nX-One: 1\nX-One: 2");
  });

  it("sends only what was changed", () => {
    expect(changes(before, before)).toEqual({ input: {} });
    expect(changes(before, { ...before, method: "PUT", body: "[]" })).toEqual({
      input: { method: "PUT", body: "[]", body_encoding: "utf-8" },
    });
    expect(changes(before, { ...before, fields: "A: b:c \n\nD:" })).toEqual({
      input: {
        fields: [
          ["A", "b:c"],
          ["D", ""],
        ],
      },
    });
  });

  it("leaves a body that is no text as it was", () => {
    const binary = draftOf(exchange, null);
    expect(changes(binary, { ...binary, target: "/other" })).toEqual({ input: { target: "/other" } });
  });

  it("says of each field what is wrong", () => {
    const wrong = changes(before, { method: "GE T", target: "a b", fields: "ok: 1\nno header", body: "" });
    expect(Object.keys("errors" in wrong ? wrong.errors : {})).toEqual(["method", "target", "fields"]);
    expect(readFields("ok: 1\nno header")).toContain("Line 2");
  });
});
