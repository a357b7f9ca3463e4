import { describe, expect, it } from "vitest";
import { conditionErrors, conditionsOf, conditionText, draftsOf } from "./conditions";

describe("conditions of a mapping", () => {
  it("are what they were when nothing is changed", () => {
    const conditions = [
      { on: "header", name: "X-Test", value: "a b" },
      { on: "cookie", name: "beta", value: null },
    ] as const;
    expect(conditionsOf(draftsOf(conditions))).toEqual(conditions);
  });

  it("hold for any value where none is written", () => {
    expect(conditionsOf([{ on: "query", name: " v ", value: "" }])).toEqual([
      { on: "query", name: "v", value: null },
    ]);
  });

  it("are told apart where their name cannot be", () => {
    const draft = (on: "header" | "query" | "cookie", name: string) => ({ on, name, value: "" });
    expect(
      Object.keys(
        conditionErrors([
          draft("header", ""),
          draft("header", "x-ok"),
          draft("header", "x: y"),
          draft("query", "filter[a]"),
          draft("query", "a b"),
          draft("cookie", "a=b"),
        ]),
      ),
    ).toEqual(["matches.0", "matches.2", "matches.4", "matches.5"]);
  });

  it("are said in words", () => {
    expect(conditionText({ on: "query", name: "v", value: "2" })).toBe("query parameter v is 2");
    expect(conditionText({ on: "cookie", name: "beta", value: null })).toBe("cookie beta");
  });
});
