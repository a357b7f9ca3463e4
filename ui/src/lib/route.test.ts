import { describe, expect, it } from "vitest";
import { parseRoute, writeRoute } from "./route";

describe("where the page is", () => {
  it("survives being written and read", () => {
    const route = { screen: "exchanges", id: 42, filter: 'body:"a & b" status:5xx' } as const;
    expect(parseRoute(writeRoute(route))).toEqual(route);
  });

  it("is the list for anything unknown", () => {
    for (const hash of ["", "#", "#/nowhere", "#/exchanges/abc", "#/exchanges/-1"]) {
      expect(parseRoute(hash)).toEqual({ screen: "exchanges", id: null, filter: "" });
    }
  });
});
