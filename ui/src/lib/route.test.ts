import { describe, expect, it } from "vitest";
import { parseRoute, writeRoute } from "./route";

describe("where the page is", () => {
  it("survives being written and read", () => {
    const route = { screen: "exchanges", id: 42, filter: 'body:"a & b" status:5xx', start: null } as const;
    expect(parseRoute(writeRoute(route))).toEqual(route);
    const expose = {
      screen: "mappings",
      id: null,
      filter: "",
      start: { what: "expose", of: "3000" },
    } as const;
    expect(parseRoute(writeRoute(expose))).toEqual(expose);
  });

  it("begins with what a screen is asked for, which may be nothing in particular", () => {
    expect(parseRoute("#/mappings?expose=").start).toEqual({ what: "expose", of: "" });
    expect(parseRoute("#/mappings?qr=abc").start).toEqual({ what: "qr", of: "abc" });
    expect(parseRoute("#/settings?qr=abc").start).toBe(null);
  });

  it("is the list for anything unknown", () => {
    for (const hash of ["", "#", "#/nowhere", "#/exchanges/abc", "#/exchanges/-1"]) {
      expect(parseRoute(hash)).toEqual({ screen: "exchanges", id: null, filter: "", start: null });
    }
  });
});
