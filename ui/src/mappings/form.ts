import type { Mapping, MappingInput } from "@/api/types";
import { type ConditionDraft, conditionErrors, conditionsOf, draftsOf } from "./conditions";
import { BLANK_CORS, type CorsForm, corsErrors, corsFormOf, corsOf, NO_CORS } from "./cors";
import {
  BLANK_HEADERS,
  type HeadersForm,
  headerErrors,
  headersFormOf,
  headersOf,
  NO_HEADERS,
} from "./headers";
import { BLANK_JWT, type JwtForm, jwtErrors, jwtFormOf, jwtOf } from "./jwt";
import { type KeyDraft, keyDraftsOf, keyErrors, keysOf } from "./keys";
import {
  BLANK_REWRITES,
  NO_REWRITES,
  type RewritesForm,
  rewriteErrors,
  rewritesFormOf,
  rewritesOf,
} from "./rewrites";
import { BLANK_RULES, NO_RULES, type RulesForm, ruleErrors, rulesFormOf, rulesOf, words } from "./rules";

/** A mapping as it is written in the dialog: texts, as they are typed. */
export interface MappingForm extends RulesForm, HeadersForm, JwtForm, CorsForm, RewritesForm {
  protocol: "http" | "tcp";
  target: string;
  address: "name" | "host";
  name: string;
  host: string;
  path: string;
  stripPrefix: boolean;
  remotePort: string;
  hostHeader: "preserve" | "rewrite" | "value";
  hostValue: string;
  insecure: boolean;
  timeout: string;
  inspect: boolean;
  conditions: ConditionDraft[];
  /** Known ones have no password here: theirs stays as it is. */
  users: { user: string; password: string; known: boolean }[];
  keys: KeyDraft[];
  allow: string;
  deny: string;
  rate: string;
  visitorRate: string;
  atOnce: string;
}

export const BLANK: MappingForm = {
  protocol: "http",
  target: "",
  address: "name",
  name: "",
  host: "",
  path: "",
  stripPrefix: false,
  remotePort: "",
  hostHeader: "preserve",
  hostValue: "",
  insecure: false,
  timeout: "120",
  inspect: true,
  conditions: [],
  users: [],
  keys: [],
  allow: "",
  deny: "",
  rate: "",
  visitorRate: "",
  atOnce: "",
  ...BLANK_RULES,
  ...BLANK_HEADERS,
  ...BLANK_JWT,
  ...BLANK_CORS,
  ...BLANK_REWRITES,
};

export function formOf(mapping: Mapping): MappingForm {
  const header = mapping.host_header;
  const fixed = header === "preserve" || header === "rewrite";
  return {
    protocol: mapping.protocol,
    target: mapping.target,
    address: mapping.host ? "host" : "name",
    name: mapping.name ?? "",
    host: mapping.host ?? "",
    path: mapping.path ?? "",
    stripPrefix: mapping.strip_prefix,
    remotePort: mapping.remote_port === null ? "" : String(mapping.remote_port),
    hostHeader: fixed ? header : "value",
    hostValue: fixed ? "" : header,
    insecure: mapping.allow_invalid_certs,
    timeout: String(mapping.timeout_ms / 1000),
    inspect: mapping.inspect,
    conditions: draftsOf(mapping.matches),
    users: mapping.policy.basic_auth.map(({ user }) => ({ user, password: "", known: true })),
    keys: keyDraftsOf(mapping.policy),
    allow: mapping.policy.allow_ip.join(" "),
    deny: mapping.policy.deny_ip.join(" "),
    rate: mapping.policy.rate_limit ?? "",
    visitorRate: mapping.policy.visitor_rate_limit ?? "",
    atOnce: mapping.policy.max_concurrent === null ? "" : String(mapping.policy.max_concurrent),
    ...rulesFormOf(mapping.policy),
    ...headersFormOf(mapping.policy),
    ...jwtFormOf(mapping.policy),
    ...corsFormOf(mapping.policy),
    ...rewritesFormOf(mapping.policy),
  };
}

/** What the engine is told. What is of no use for the protocol is left out. */
export function inputOf(form: MappingForm): MappingInput {
  const text = (value: string) => value.trim() || null;
  const common = { protocol: form.protocol, target: form.target.trim(), inspect: form.inspect };
  const policy = {
    allow_ip: words(form.allow),
    deny_ip: words(form.deny),
    rate_limit: text(form.rate),
    visitor_rate_limit: text(form.visitorRate),
    max_concurrent: number(form.atOnce),
  };
  if (form.protocol === "tcp") {
    return {
      ...common,
      host: form.address === "host" ? text(form.host) : null,
      remote_port: form.address === "host" ? null : number(form.remotePort),
      matches: [],
      policy: {
        basic_auth: [],
        bearer_keys: [],
        jwt: null,
        ...policy,
        ...NO_RULES,
        ...NO_HEADERS,
        ...NO_CORS,
        ...NO_REWRITES,
      },
    };
  }
  return {
    ...common,
    name: form.address === "name" ? text(form.name) : null,
    host: form.address === "host" ? text(form.host) : null,
    path: text(form.path),
    strip_prefix: form.stripPrefix && form.path.trim() !== "",
    host_header: form.hostHeader === "value" ? form.hostValue.trim() : form.hostHeader,
    allow_invalid_certs: form.insecure,
    timeout_ms: Math.round(Number(form.timeout) * 1000),
    matches: conditionsOf(form.conditions),
    policy: {
      basic_auth: form.users.map(({ user, password }) => ({
        user: user.trim(),
        ...(password ? { password } : {}),
      })),
      bearer_keys: keysOf(form.keys),
      jwt: jwtOf(form),
      ...policy,
      ...rulesOf(form),
      ...headersOf(form),
      ...corsOf(form),
      ...rewritesOf(form),
    },
  };
}

function number(text: string): number | null {
  return text.trim() === "" ? null : Number(text);
}

/** What is wrong by itself, before the engine is asked: numbers that are none, passwords that are missing. */
export function localErrors(form: MappingForm): Record<string, string> {
  const errors: Record<string, string> = {};
  if (form.target.trim() === "") errors.target = "Write a port such as 3000, a host:port or a URL.";
  const atOnce = number(form.atOnce);
  if (atOnce !== null && !(Number.isInteger(atOnce) && atOnce >= 1 && atOnce <= 1_000_000)) {
    errors["policy.max_concurrent"] = "Write a number from 1 to 1000000, or leave it empty.";
  }
  const host = form.address === "host" && form.host.trim() === "";
  const hostError = "Write a host such as shop.example.com.";
  if (form.protocol === "tcp") {
    if (host) errors.host = hostError;
    const port = form.address === "host" ? null : number(form.remotePort);
    if (port !== null && !(Number.isInteger(port) && port >= 1 && port <= 65535)) {
      errors.remote_port = "Write a port from 1 to 65535, or leave it empty.";
    }
    return errors;
  }
  const seconds = Number(form.timeout);
  if (form.timeout.trim() === "" || !(seconds > 0 && seconds <= 86_400)) {
    errors.timeout_ms = "Write seconds, more than 0 and at most 86400.";
  }
  if (host) errors.host = hostError;
  if (form.hostHeader === "value" && form.hostValue.trim() === "")
    errors.host_header = "Write the host that the service expects.";
  if (form.users.some((one) => one.user.trim() === "" || one.user.includes(":"))) {
    errors["policy.basic_auth"] = "Each user needs a name without a colon.";
  } else if (form.users.some((one) => !one.known && one.password === "")) {
    errors["policy.basic_auth"] = "Each new user needs a password.";
  }
  return {
    ...errors,
    ...keyErrors(form.keys),
    ...jwtErrors(form),
    ...ruleErrors(form),
    ...headerErrors(form),
    ...corsErrors(form),
    ...rewriteErrors(form),
    ...conditionErrors(form.conditions),
  };
}
