import { describe, expect, it } from "vitest";
import { BLANK_JWT, jwtErrors, jwtFormOf, jwtOf } from "./jwt";

const rule = {
  jwks_url: "https://id.example.com/keys",
  public_key: null,
  has_secret: false,
  issuer: "https://id.example.com",
  audiences: ["shop", "api"],
  claims: [{ name: "role", value: "a=b" }],
};

describe("what tokens have to be like", () => {
  it("is what it was when nothing is changed", () => {
    expect(jwtOf(jwtFormOf({ jwt: rule }))).toEqual(rule);
    expect(jwtErrors(jwtFormOf({ jwt: rule }))).toEqual({});
    expect(jwtOf(jwtFormOf({ jwt: null }))).toBe(null);
    const kept = { ...rule, jwks_url: null, has_secret: true };
    expect(jwtOf(jwtFormOf({ jwt: kept }))).toEqual(kept);
    const key = { ...rule, jwks_url: null, public_key: "-----BEGIN PUBLIC KEY-----" };
    expect(jwtOf(jwtFormOf({ jwt: key }))).toEqual(key);
  });

  it("has keys of the place that is chosen alone", () => {
    const form = { ...jwtFormOf({ jwt: rule }), publicKey: "x", secret: "y" };
    expect(jwtOf({ ...form, tokens: "key" })).toMatchObject({ jwks_url: null, public_key: "x" });
    expect(jwtOf({ ...form, tokens: "secret" })).toMatchObject({ jwks_url: null, secret: "y" });
    expect(jwtOf(form)).not.toHaveProperty("secret");
  });

  it("says what is wrong by itself", () => {
    const good = jwtFormOf({ jwt: rule });
    for (const wrong of [
      { ...good, jwksUrl: "id.example.com" },
      { ...good, audiences: "", claims: "" },
      { ...good, claims: "role" },
      { ...good, claims: "=admin" },
      { ...good, tokens: "key" as const },
      { ...good, tokens: "secret" as const, secret: "short" },
    ]) {
      expect(jwtErrors(wrong)).toHaveProperty(["policy.jwt"]);
    }
    expect(jwtErrors(BLANK_JWT)).toEqual({});
    expect(jwtErrors({ ...good, tokens: "secret", hasSecret: true })).toEqual({});
  });
});
