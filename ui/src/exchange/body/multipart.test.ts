import { describe, expect, it } from "vitest";
import { parseForm, parseQuery } from "./form";
import { MAX_PARTS, parseMultipart } from "./multipart";

const of = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const TYPE = 'multipart/form-data; boundary="x y"';

describe("a multipart body", () => {
  it("gives its parts with names, files and bytes", () => {
    const body = of(
      'preamble\r\n--x y\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\ntwo\r\n' +
        '--x y\r\nContent-Disposition: form-data; name="f"; filename="k.png"\r\nContent-Type: image/png\r\n\r\n\x00--x yes\r\n--x y--\r\n',
    );
    const parts = parseMultipart(body, TYPE) ?? [];
    expect(
      parts.map((part) => [part.name, part.filename, part.mediaType, text(part.body), part.cut]),
    ).toEqual([
      ["a", null, null, "one\r\ntwo", false],
      ["f", "k.png", "image/png", "\x00--x yes", false],
    ]);
  });

  it("says of a part that it was cut", () => {
    const [part] =
      parseMultipart(of('--x y\r\nContent-Disposition: form-data; name="a"\r\n\r\nbegun'), TYPE) ?? [];
    expect([part?.name, text(part?.body ?? of("")), part?.cut]).toEqual(["a", "begun", true]);
  });

  it("is none without a boundary", () => {
    expect(parseMultipart(of("--x"), "multipart/form-data")).toBeNull();
    expect(parseMultipart(of("--x"), "text/plain; boundary=x")).toBeNull();
  });

  it("has at most so many parts", () => {
    const many = (count: number) => of(`${"--x y\r\n\r\nv\r\n".repeat(count)}--x y--`);
    expect(parseMultipart(many(MAX_PARTS), TYPE)).toHaveLength(MAX_PARTS);
    expect(parseMultipart(many(MAX_PARTS + 1), TYPE)).toHaveLength(MAX_PARTS);
  });
});

describe("a form", () => {
  it("gives its pairs in order, repeats too, and keeps what cannot be decoded", () => {
    expect(parseForm("a=1+2&b&a=%C3%A9&c=%ZZ&=x")).toEqual([
      ["a", "1 2"],
      ["b", ""],
      ["a", "é"],
      ["c", "%ZZ"],
      ["", "x"],
    ]);
    expect(parseQuery("/p?q=1&q=2#f")).toEqual([
      ["q", "1"],
      ["q", "2"],
    ]);
    expect(parseQuery("/p")).toEqual([]);
  });
});
