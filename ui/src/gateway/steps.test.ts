import { describe, expect, it } from "vitest";
import { isLink, missing } from "./steps";

describe("a gateway to connect to", () => {
  it("needs a URL and a token, or a link that may hold both", () => {
    expect(Object.keys(missing({ gateway: " ", token: "" }))).toEqual(["gateway"]);
    expect(Object.keys(missing({ gateway: "https://a.example", token: " " }))).toEqual(["token"]);
    expect(missing({ gateway: "https://a.example", token: "t" })).toEqual({});
    expect(missing({ gateway: "porthole://connect?gateway=a&token=b", token: "" })).toEqual({});
  });

  it("is known as a link by its scheme", () => {
    expect(isLink("  Porthole://connect?x")).toBe(true);
    expect(isLink("https://porthole.example")).toBe(false);
  });
});
