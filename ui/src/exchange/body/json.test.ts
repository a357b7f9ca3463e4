import { describe, expect, it } from "vitest";
import { MAX_DEPTH, parseJson, step, writeJson } from "./json";
import { initiallyOpen, jsonRows } from "./json-rows";

describe("JSON as it was written", () => {
  it("keeps digits, order and repeated names", () => {
    const text = '{"id":12345678901234567890,"a":1.50,"a":[true,null,-0e+1]}';
    expect(writeJson(parseJson(text) ?? never()).replace(/\s/g, "")).toBe(text);
  });

  it("agrees with JSON.parse on what is JSON", () => {
    const texts = [
      "",
      " ",
      "{}",
      "[]",
      "[1,]",
      "{,}",
      '{"a":1,}',
      "01",
      "-",
      "1.",
      ".5",
      "1e5",
      '"\\u12"',
      '"\\u1234"',
      '"a\nb"',
      '"\\x"',
      "nul",
      "truex",
      "[1 2]",
      '{"a" 1}',
      ' [ 1 , {"b" : null } ] ',
      '"\u2028"',
      "\t1\r\n",
    ];
    for (const text of texts) {
      let valid = true;
      try {
        JSON.parse(text);
      } catch {
        valid = false;
      }
      expect([text, parseJson(text) !== null]).toEqual([text, valid]);
    }
  });

  it("reads up to its depth and not beyond", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    expect(parseJson(nested(MAX_DEPTH + 1))).not.toBeNull();
    expect(parseJson(nested(MAX_DEPTH + 2))).toBeNull();
  });

  it("writes paths that the diff's rules understand", () => {
    expect(["a", "odd name", "it's", 3].map(step).join("")).toBe(".a['odd name']['it\\'s'][3]");
  });
});

describe("the tree's lines", () => {
  const tree = parseJson('{"order":{"id":"order_42","lines":[{"sku":"X"}]},"total":12}') ?? never();

  it("are those that are open", () => {
    const paths = jsonRows(tree, new Set(["$"]), "").map((row) => row.path);
    expect(paths).toEqual(["$", "$.order", "$.total"]);
  });

  it("are, in a search, what was found with what it stands in", () => {
    const paths = jsonRows(tree, new Set(), "ORDER_4").map((row) => row.path);
    expect(paths).toEqual(["$", "$.order", "$.order.id"]);
    expect(jsonRows(tree, new Set(), "nowhere").map((row) => row.path)).toEqual(["$"]);
  });

  it("are all open at first in a small one and not in a large one", () => {
    expect(initiallyOpen(tree)).toEqual(new Set(["$", "$.order", "$.order.lines", "$.order.lines[0]"]));
    const large = parseJson(JSON.stringify(Array.from({ length: 1000 }, (_, id) => ({ id })))) ?? never();
    expect(initiallyOpen(large)).toEqual(new Set(["$"]));
  });
});

function never(): never {
  throw new Error("the test's own JSON is JSON");
}
