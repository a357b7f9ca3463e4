import type { JwtRule, Policy } from "@/api/types";
import { words } from "./rules";

/** Where the keys are by which tokens are checked. */
export type KeysFrom = "none" | "url" | "key" | "secret";

/** What tokens have to be like, as it is typed. */
export interface JwtForm {
  tokens: KeysFrom;
  jwksUrl: string;
  publicKey: string;
  secret: string;
  /** There is a secret, which stays as it is. */
  hasSecret: boolean;
  issuer: string;
  audiences: string;
  /** `name=value`, one a line. */
  claims: string;
}

export const BLANK_JWT: JwtForm = {
  tokens: "none",
  jwksUrl: "",
  publicKey: "",
  secret: "",
  hasSecret: false,
  issuer: "",
  audiences: "",
  claims: "",
};

export function jwtFormOf({ jwt }: Pick<Policy, "jwt">): JwtForm {
  if (!jwt) return BLANK_JWT;
  return {
    tokens: jwt.jwks_url ? "url" : jwt.public_key ? "key" : "secret",
    jwksUrl: jwt.jwks_url ?? "",
    publicKey: jwt.public_key ?? "",
    secret: "",
    hasSecret: jwt.has_secret,
    issuer: jwt.issuer ?? "",
    audiences: jwt.audiences.join(" "),
    claims: jwt.claims.map(({ name, value }) => `${name}=${value}`).join("\n"),
  };
}

const lines = (text: string) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

export function jwtOf(form: JwtForm): JwtRule | null {
  const { tokens } = form;
  if (tokens === "none") return null;
  return {
    jwks_url: tokens === "url" ? form.jwksUrl.trim() : null,
    public_key: tokens === "key" ? form.publicKey.trim() : null,
    has_secret: tokens === "secret" && form.hasSecret,
    ...(tokens === "secret" && form.secret ? { secret: form.secret } : {}),
    issuer: form.issuer.trim() || null,
    audiences: words(form.audiences),
    claims: lines(form.claims).map((line) => {
      const at = line.indexOf("=");
      return { name: line.slice(0, at).trim(), value: line.slice(at + 1) };
    }),
  };
}

/** What is wrong by itself, before the engine is asked. */
export function jwtErrors(form: JwtForm): Record<string, string> {
  const wrong = jwtError(form);
  return wrong ? { "policy.jwt": wrong } : {};
}

function jwtError(form: JwtForm): string | undefined {
  if (form.tokens === "none") return undefined;
  if (form.tokens === "url" && !/^https?:\/\//.test(form.jwksUrl.trim())) {
    return "Write the URL of the keys, such as https://id.example.com/keys.";
  }
  if (form.tokens === "key" && !form.publicKey.includes("BEGIN PUBLIC KEY")) {
    return "Paste a public key in PEM, which begins with BEGIN PUBLIC KEY.";
  }
  if (form.tokens === "secret" && !form.hasSecret && form.secret.length < 32) {
    return "A secret has 32 characters or more.";
  }
  if (lines(form.claims).some((line) => !/^[^=]+=./.test(line))) {
    return "Write claims as name=value, one a line.";
  }
  if (form.tokens === "url" && words(form.audiences).length === 0 && lines(form.claims).length === 0) {
    return "An issuer signs tokens for others with the same keys: write an audience or a claim.";
  }
  return undefined;
}
