import { describe, expect, it } from "vitest";
import { ago, bytes, count, duration, percent, span } from "./format";

const plain = (text: string) => text.replaceAll("\u202f", " ");

describe("numbers for people", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [2 * 1024 * 1024, "2 MiB"],
    [356_515_840, "340 MiB"],
    [1024 * 1024 - 1, "1.0 MiB"],
  ])("writes %i bytes as %s", (given, text) => {
    expect(plain(bytes(given))).toBe(text);
  });

  it.each([
    [840, "840 µs"],
    [1200, "1.2 ms"],
    [9_960, "10 ms"],
    [34_000, "34 ms"],
    [999_600, "1.00 s"],
    [12_340_000, "12.3 s"],
    [200_000_000, "3 m 20 s"],
  ])("writes %i µs as %s", (given, text) => {
    expect(plain(duration(given))).toBe(text);
  });

  it("names the two largest units of a span", () => {
    expect(plain(span(2 * 3_600_000 + 5 * 60_000 + 7000))).toBe("2 h 5 m");
    expect(plain(span(3_600_000))).toBe("1 h");
    expect(plain(span(0))).toBe("0 s");
  });

  it("tells how long ago without going into the future", () => {
    const now = 1_700_000_000_000;
    expect(ago((now + 5000) * 1000, now)).toBe("now");
    expect(plain(ago((now - 61_000) * 1000, now))).toBe("1 m");
  });

  it("counts one and many", () => {
    expect(count(1, "exchange")).toBe("1 exchange");
    expect(plain(count(12_345, "exchange"))).toBe("12 345 exchanges");
  });

  it("does not round 99.99 % up to all", () => {
    expect(plain(percent(0.9999))).toBe("99.99 %");
    expect(plain(percent(1))).toBe("100 %");
  });
});
