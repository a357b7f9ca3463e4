import { describe, expect, it } from "vitest";
import { BLANK_REWRITES, NO_REWRITES, rewriteErrors, rewritesFormOf, rewritesOf } from "./rewrites";

const rewrites = [
  { from: "/v1", to: "/api/2024" },
  { from: "/a=b", to: "/" },
];

describe("paths that the service sees as others", () => {
  it("are what they were when nothing is changed", () => {
    expect(rewritesOf(rewritesFormOf({ rewrites }))).toEqual({ rewrites });
    expect(rewritesOf(BLANK_REWRITES)).toEqual(NO_REWRITES);
  });

  it("say what is wrong by themselves", () => {
    const form = { rewrites: [...rewrites, { from: "v1", to: "/x" }, { from: "/v1", to: "" }] };
    expect(Object.keys(rewriteErrors(form))).toEqual(["policy.rewrites.2", "policy.rewrites.3"]);
  });
});
