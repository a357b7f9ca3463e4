import { expect, it } from "vitest";
import { requestCookies, setCookies } from "./cookies";

it("reads what a visitor sent, over several fields", () => {
  expect(
    requestCookies([
      ["Cookie", "a=1; b=x=y"],
      ["cookie", "c"],
    ]),
  ).toEqual([
    ["a", "1"],
    ["b", "x=y"],
    ["c", ""],
  ]);
});

it("reads what an answer sets, with its attributes", () => {
  expect(setCookies([["Set-Cookie", "id=abc=; Path=/; HttpOnly"]])).toEqual([
    { name: "id", value: "abc=", attributes: ["Path=/", "HttpOnly"] },
  ]);
});
