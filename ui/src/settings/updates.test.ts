import { expect, it } from "vitest";
import { said } from "./updates";

it("offers to install only what the app can install by itself", () => {
  const asks = (how: "install" | "page" | "told") =>
    said({ state: "newer", version: "1.2.3", how }).button?.asks;
  expect([asks("install"), asks("page"), asks("told")]).toEqual([
    "install-update",
    "open-update-page",
    undefined,
  ]);
});

it("says what is waited for, and offers nothing meanwhile", () => {
  expect(said({ state: "waiting", version: "1.2.3", open: 2 })).toEqual({
    text: "Version 1.2.3 is here, and waits for 2 requests to end.",
  });
  expect(said({ state: "looking" }).button).toBeUndefined();
  expect(said({ state: "unknown" }).button).toBeUndefined();
});
