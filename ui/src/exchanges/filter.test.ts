import { describe, expect, it } from "vitest";
import { complete, has, quoted, toggle, tokens, unfinished } from "./filter";

const labels = (filter: string, caret = filter.length) =>
  complete(filter, caret, ["shop", "my node"]).map((one) => one.label);

describe("the filter's terms", () => {
  it("are cut at spaces, but not within quotes", () => {
    expect(tokens('status:5xx  body:"a \\" b" x').map((one) => one.text)).toEqual([
      "status:5xx",
      'body:"a \\" b"',
      "x",
    ]);
    expect(tokens('body:"not closed yet').map((one) => one.text)).toEqual(['body:"not closed yet']);
  });

  it("are put in and taken out", () => {
    expect(toggle("path:/a", "is:failed")).toBe("path:/a is:failed");
    expect(toggle('is:failed body:"a b"', "is:failed")).toBe('body:"a b"');
    expect(has("-is:failed", "is:failed")).toBe(false);
  });

  it("are quoted where they must be", () => {
    expect([quoted("a"), quoted("a b"), quoted('a"b')]).toEqual(["a", '"a b"', '"a\\"b"']);
  });
});

it("waits for a term that is still being written", () => {
  expect(["is:", "a -", 'body:"a b', "-status:"].map(unfinished)).toEqual([true, true, true, true]);
  expect(["", "is:failed", 'body:"a b"', "a: b", '"a \\" b"'].map(unfinished)).toEqual([
    false,
    false,
    false,
    false,
    false,
  ]);
});

describe("completion", () => {
  it("offers keys for the word under the caret", () => {
    expect(labels("me")).toEqual(["method:"]);
    expect(labels("x status:4xx -du")).toEqual(["-duration:"]);
    expect(labels("me status:5xx", 2)).toEqual(["method:"]);
  });

  it("offers a key's values, also behind a comma", () => {
    expect(labels("method:p")).toEqual(["POST", "PUT", "PATCH"]);
    expect(complete("status:4xx,5", 12, [])[0]?.filter).toBe("status:4xx,5xx ");
  });

  it("offers the mappings that there are", () => {
    expect(labels("mapping:")).toEqual(["shop", '"my node"']);
  });

  it("offers nothing for text, unknown keys and what is written out", () => {
    expect([labels('"me'), labels("nothing:x"), labels("method:POST")]).toEqual([[], [], []]);
  });

  it("leaves the caret where one goes on", () => {
    const key = complete("me rest", 2, [])[0];
    expect([key?.filter, key?.caret]).toEqual(["method: rest", 7]);
    const value = complete("method:po rest", 9, [])[0];
    expect([value?.filter, value?.caret]).toEqual(["method:POST rest", 12]);
  });
});
