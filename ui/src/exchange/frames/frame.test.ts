import { describe, expect, it } from "vitest";
import type { Frame } from "@/api/types";
import { closeReason, frameBytes, frameKind, framePreview, framesWith, frameText } from "./frame";

const frame = (given: Partial<Frame>): Frame => ({
  seq: 1,
  at_us: 0,
  from_visitor: true,
  opcode: 1,
  bytes: 0,
  payload: "",
  payload_encoding: "utf-8",
  truncated: false,
  compressed: false,
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

  it("is found by payload, kind and event", () => {
    const frames = [frame({ payload: "Hello" }), frame({ opcode: 9 }), frame({ event: "order" })];
    expect([
      framesWith(frames, "hell").length,
      framesWith(frames, "PING").length,
      framesWith(frames, "order").length,
    ]).toEqual([1, 1, 1]);
    expect(framesWith(frames, " ")).toHaveLength(3);
  });

  it("is called what it is", () => {
    expect([1, 2, 8, 9, 11].map((opcode) => frameKind(frame({ opcode })))).toEqual([
      "text",
      "binary",
      "close",
      "ping",
      "opcode 11",
    ]);
    expect(frameKind(frame({ event: "price", opcode: 0 }))).toBe("price");
  });

  it("says in a line what it says, and a closing one only its reason", () => {
    expect(framePreview(frame({ payload: "a\r\nb" }))).toBe("a b");
    const close = frame({
      opcode: 8,
      close_code: 1000,
      payload: btoa("\x03\xe8bye"),
      payload_encoding: "base64",
    });
    expect(framePreview(close)).toBe("bye");
  });

  it("says why a connection closed", () => {
    expect(closeReason(1001)).toBe("1001, going away");
    expect(closeReason(4000)).toBe("4000");
  });
});
