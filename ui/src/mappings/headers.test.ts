import { describe, expect, it } from "vitest";
import { BLANK_HEADERS, headerErrors, headersFormOf, headersOf, NO_HEADERS } from "./headers";

const headers = {
  request_headers: { remove: ["Cookie"], set: [{ name: "X-Env", value: "dev" }], add: [] },
  response_headers: { remove: [], set: [], add: [{ name: "Set-Cookie", value: "a=1" }] },
};

describe("what a mapping changes of header fields", () => {
  it("is what it was when nothing is changed", () => {
    expect(headersOf(headersFormOf(headers))).toEqual(headers);
    expect(headersOf(headersFormOf(NO_HEADERS))).toEqual(NO_HEADERS);
    expect(headersOf(BLANK_HEADERS)).toEqual(NO_HEADERS);
  });

  it("is read as it is typed", () => {
    const draft = { head: "response", change: "set", name: " X-Env ", value: " dev 1 " } as const;
    const form = { headers: [draft, { ...draft, change: "remove" } as const] };
    expect(headersOf(form)).toEqual({
      ...NO_HEADERS,
      response_headers: { remove: ["X-Env"], set: [{ name: "X-Env", value: "dev 1" }], add: [] },
    });
  });

  it("says what is wrong by itself", () => {
    const draft = { head: "request", change: "set", name: "X-Env", value: "" } as const;
    const form = {
      headers: [draft, { ...draft, name: "X Env" }, { ...draft, name: "" }, { ...draft, value: "é" }],
    };
    expect(Object.keys(headerErrors(form))).toEqual(["headers.1", "headers.2", "headers.3"]);
  });
});
