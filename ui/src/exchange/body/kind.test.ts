import { describe, expect, it } from "vitest";
import { type BodyKind, bodyKind, decodeText, imageType, parameter } from "./kind";

const of = (text: string) => new TextEncoder().encode(text);
const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0);

describe("what a body is shown as", () => {
  it.each<[string | null, Uint8Array, BodyKind]>([
    ["application/json", of("{}"), "json"],
    ["application/problem+json; charset=utf-8", of("{}"), "json"],
    ["application/x-www-form-urlencoded", of("a=b"), "form"],
    ["multipart/form-data; boundary=x", of("--x--"), "multipart"],
    ["image/png", PNG, "image"],
    ["image/svg+xml", of("<svg/>"), "image"],
    ["text/html", of("<p>"), "html"],
    ["application/atom+xml", of("<feed/>"), "xml"],
    ["text/css", of("a{}"), "text"],
    ["application/json", Uint8Array.of(0x1f, 0x8b, 0, 0), "binary"],
    [null, of('  {"a":1}'), "json"],
    [null, of("<!DOCTYPE html><p>"), "html"],
    [null, PNG, "image"],
    [null, of("hello"), "text"],
    [null, Uint8Array.of(0, 1, 2, 3), "binary"],
    ["application/octet-stream", Uint8Array.of(0, 1, 2, 3), "binary"],
    ["text/html", of(""), "empty"],
  ])("%s is shown as it is", (type, body, kind) => {
    expect(bodyKind(type, body)).toBe(kind);
  });

  it("reads parameters in any case, quoted or not", () => {
    expect(parameter('form-data; name="a \\"b\\""; filename=x.txt', "name")).toBe('a "b"');
    expect(parameter("multipart/mixed; Boundary=abc", "boundary")).toBe("abc");
    expect(parameter("text/html", "charset")).toBeNull();
  });

  it("knows images by their first bytes", () => {
    expect(imageType(PNG)).toBe("image/png");
    expect(imageType(of("GIF89a"))).toBe("image/gif");
    expect(imageType(of("no"))).toBeNull();
  });

  it("reads text in its charset and survives one that does not exist", () => {
    expect(decodeText(Uint8Array.of(0xe9), "iso-8859-1")).toBe("é");
    expect(decodeText(of("é"), "no-such-charset")).toBe("é");
  });
});
