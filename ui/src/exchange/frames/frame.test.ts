import { describe, expect, it } from "vitest";
import type { Frame } from "@/api/types";
import { closeReason, frameBytes, framesWith, frameText } from "./frame";

const frame = (given: Partial<Frame>): Frame => ({
  seq: 1,
  at_us: 0,
  from_visitor: true,
  opcode: "text",
  bytes: 0,
  payload: "",
  payload_encoding: "utf-8",
  truncated: false,
  ...given,
});

describe("a frame", () => {
  it("shows JSON indented and other text as it is", () => {
    expect(frameText(frame({ payload: '{"a":1}' }))).toBe('{\n  "a": 1\n}');
    expect(frameText(frame({ payload: "{no json" }))).toBe("{no json");
    expect(frameText(frame({ payload: "AAE=", payload_encoding: "base64" }))).toBeNull();
  });

  it("has its bytes", () => {
    expect([...frameBytes(frame({ payload: "AAH/", payload_encoding: "base64" }))]).toEqual([0, 1, 255]);
    expect([...frameBytes(frame({ payload: "é" }))]).toEqual([0xc3, 0xa9]);
  });

  it("is found by payload, opcode and event", () => {
    const frames = [frame({ payload: "Hello" }), frame({ opcode: "ping" }), frame({ event: "order" })];
    expect([
      framesWith(frames, "hell").length,
      framesWith(frames, "PING").length,
      framesWith(frames, "order").length,
    ]).toEqual([1, 1, 1]);
    expect(framesWith(frames, " ")).toHaveLength(3);
  });

  it("says why a connection closed", () => {
    expect(closeReason(1001)).toBe("1001, going away");
    expect(closeReason(4000)).toBe("4000");
  });
});
