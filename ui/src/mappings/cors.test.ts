import { describe, expect, it } from "vitest";
import { BLANK_CORS, corsErrors, corsFormOf, corsOf, NO_CORS } from "./cors";

const cors = {
  origins: ["https://app.example", "http://localhost:5173"],
  methods: ["PUT"],
  headers: ["X-Env"],
  expose: ["X-Total"],
  credentials: true,
  max_age_s: 600,
};

describe("which pages of other origins may read answers", () => {
  it("is what it was when nothing is changed", () => {
    expect(corsOf(corsFormOf({ cors }))).toEqual({ cors });
    expect(corsOf(corsFormOf(NO_CORS))).toEqual(NO_CORS);
    expect(corsOf(BLANK_CORS)).toEqual(NO_CORS);
  });

  it("is read as it is typed, and nothing without an origin", () => {
    const form = { ...BLANK_CORS, corsOrigins: " * ", corsMethods: "put, patch" };
    expect(corsOf(form)).toEqual({
      cors: {
        origins: ["*"],
        methods: ["PUT", "PATCH"],
        headers: [],
        expose: [],
        credentials: false,
        max_age_s: null,
      },
    });
    expect(corsOf({ ...form, corsOrigins: "" })).toEqual(NO_CORS);
  });

  it("says what is wrong by itself", () => {
    const form = { ...BLANK_CORS, corsOrigins: "*" };
    expect(corsErrors(form)).toEqual({});
    expect(Object.keys(corsErrors({ ...form, corsMaxAge: "1.5" }))).toEqual(["policy.cors.max_age_s"]);
    expect(Object.keys(corsErrors({ ...form, corsCredentials: true }))).toEqual(["policy.cors"]);
    expect(corsErrors({ ...form, corsOrigins: "", corsMaxAge: "x" })).toEqual({});
  });
});
