import { describe, expect, it } from "vitest";
import type { Summary } from "@/api/types";
import { bar, shortType, spoken, statusText, timeline, tone } from "./words";

const row = (given: Partial<Summary>): Summary =>
  ({
    method: "POST",
    target: "/hook?a=1",
    status: 500,
    state: "done",
    error: null,
    source: "visitor",
    kind: "http",
    total_us: 34_000,
    first_byte_us: 20_000,
    connect_us: 1000,
    link_us: null,
    gateway_us: 300,
    pinned: false,
    ...given,
  }) as Summary;

describe("an exchange in words", () => {
  it("is read out with what one looks for", () => {
    expect(spoken(row({}))).toBe("POST /hook, 500, 34 milliseconds");
    expect(
      spoken(
        row({ status: null, state: "failed", error: "service-down", source: "replay", total_us: 1_500_000 }),
      ),
    ).toBe("POST /hook, failed, service down, 1.5 seconds, replay");
  });

  it("has a tone by what became of it", () => {
    expect([200, 302, 404, 502].map((status) => tone(row({ status })))).toEqual([
      "ok",
      "info",
      "warn",
      "bad",
    ]);
    expect(tone(row({ status: 200, error: "cut-off" }))).toBe("bad");
    expect(tone(row({ status: null, state: "open" }))).toBe("muted");
  });

  it("has a word where it has no status", () => {
    expect(statusText(row({ status: null, state: "open" }))).toBe("open");
    expect(statusText(row({ status: null, state: "cancelled" }))).toBe("cancelled");
  });

  it.each([
    ["application/json; charset=utf-8", "json"],
    ["application/problem+json", "json"],
    ["image/svg+xml", "xml"],
    ["application/x-www-form-urlencoded", "form"],
    ["text/event-stream", "sse"],
    [null, ""],
  ])("shortens %s", (type, short) => {
    expect(shortType(type)).toBe(short);
  });

  it("says where the time went and leaves out what is not known", () => {
    expect(timeline(row({})).map((span) => [span.name, span.us])).toEqual([
      ["Gateway", 300],
      ["Connect", 1000],
      ["First byte", 19_000],
      ["Body", 14_000],
    ]);
    expect(
      timeline(row({ total_us: null, first_byte_us: null, connect_us: null, gateway_us: null })),
    ).toEqual([]);
  });

  it("has a bar that grows with time and never leaves its column", () => {
    const whole = (us: number) => {
      const shares = bar(row({ total_us: us, first_byte_us: us / 2 }));
      return (shares?.wait ?? 0) + (shares?.body ?? 0);
    };
    expect(whole(1000)).toBeLessThan(whole(100_000));
    expect(whole(10 ** 12)).toBe(1);
    expect(bar(row({ total_us: null }))).toBeNull();
  });
});
