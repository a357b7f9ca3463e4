import { describe, expect, it } from "vitest";
import { keyDraftsOf, keyErrors, keysOf, randomKey } from "./keys";

const draft = { name: "ci", key: "0123456789abcdef", known: false };

describe("keys in the dialog", () => {
  it("stay what they were when nothing is changed", () => {
    const drafts = keyDraftsOf({ bearer_keys: [{ name: "ci" }] });
    expect(keysOf(drafts)).toEqual([{ name: "ci" }]);
    expect(keyErrors(drafts)).toEqual({});
    expect(keysOf([draft])).toEqual([{ name: "ci", key: draft.key }]);
  });

  it("are made of 256 random bits", () => {
    expect(randomKey()).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(randomKey()).not.toBe(randomKey());
    expect(keyErrors([{ ...draft, key: randomKey() }])).toEqual({});
  });

  it("need a name, and a text that is long enough", () => {
    for (const wrong of [
      { ...draft, name: "" },
      { ...draft, name: "a b" },
      { ...draft, key: "" },
      { ...draft, key: "0123456789abcde" },
      { ...draft, key: "0123456789 abcdef" },
    ]) {
      expect(keyErrors([draft, wrong])).toHaveProperty(["policy.bearer_keys"]);
    }
    expect(keyErrors([{ ...draft, known: true, key: "short" }])).toHaveProperty(["policy.bearer_keys"]);
  });
});
