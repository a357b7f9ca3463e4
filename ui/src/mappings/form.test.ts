import { describe, expect, it } from "vitest";
import type { Mapping } from "@/api/types";
import { NO_CORS } from "./cors";
import { BLANK, formOf, inputOf, localErrors } from "./form";
import { NO_HEADERS } from "./headers";
import { NO_REWRITES } from "./rewrites";
import { NO_RULES } from "./rules";

const mapping = {
  name: null,
  host: "a.example.com",
  path: "/api",
  strip_prefix: true,
  remote_port: null,
  target: "http://127.0.0.1:3000",
  protocol: "http",
  host_header: "local.test",
  allow_invalid_certs: true,
  timeout_ms: 1500,
  inspect: false,
  matches: [{ on: "header", name: "x-test", value: null }],
  policy: {
    basic_auth: [{ user: "ada" }],
    bearer_keys: [{ name: "ci" }],
    jwt: null,
    allow_ip: ["10.0.0.0/8"],
    deny_ip: [],
    rate_limit: null,
    visitor_rate_limit: "5/10s",
    max_concurrent: 5,
    ...NO_RULES,
    ...NO_HEADERS,
    ...NO_CORS,
    ...NO_REWRITES,
    max_body: "10MB",
  },
} as unknown as Mapping;

describe("a mapping in the dialog", () => {
  it("is what it was when nothing is changed, passwords kept", () => {
    expect(inputOf(formOf(mapping))).toEqual({
      protocol: "http",
      target: "http://127.0.0.1:3000",
      name: null,
      host: "a.example.com",
      path: "/api",
      strip_prefix: true,
      host_header: "local.test",
      allow_invalid_certs: true,
      timeout_ms: 1500,
      inspect: false,
      matches: [{ on: "header", name: "x-test", value: null }],
      policy: {
        basic_auth: [{ user: "ada" }],
        bearer_keys: [{ name: "ci" }],
        jwt: null,
        allow_ip: ["10.0.0.0/8"],
        deny_ip: [],
        rate_limit: null,
        visitor_rate_limit: "5/10s",
        max_concurrent: 5,
        ...NO_RULES,
        ...NO_HEADERS,
        ...NO_CORS,
        ...NO_REWRITES,
        max_body: "10MB",
      },
    });
  });

  it("leaves out of TCP what is for HTTP only", () => {
    const form = { ...BLANK, target: "5432", name: "db", remotePort: "20001", rate: " 10/s ", maxBody: "1" };
    const input = inputOf({ ...form, protocol: "tcp" });
    expect(input).toEqual({
      protocol: "tcp",
      target: "5432",
      inspect: true,
      host: null,
      remote_port: 20_001,
      matches: [],
      policy: {
        basic_auth: [],
        bearer_keys: [],
        jwt: null,
        allow_ip: [],
        deny_ip: [],
        rate_limit: "10/s",
        visitor_rate_limit: null,
        max_concurrent: null,
        ...NO_RULES,
        ...NO_HEADERS,
        ...NO_CORS,
        ...NO_REWRITES,
      },
    });
  });

  it("asks for a host of a TCP mapping, or for a port, and not for both", () => {
    const form = {
      ...BLANK,
      protocol: "tcp" as const,
      target: "8443",
      host: " db.example.com ",
      remotePort: "1",
    };
    expect(inputOf({ ...form, address: "host" })).toMatchObject({
      host: "db.example.com",
      remote_port: null,
    });
    expect(inputOf(form)).toMatchObject({ host: null, remote_port: 1 });
    expect(localErrors({ ...form, address: "host", host: "" })).toHaveProperty("host");
  });

  it("does not strip a prefix that there is not", () => {
    expect(inputOf({ ...BLANK, target: "1", stripPrefix: true }).strip_prefix).toBe(false);
  });

  it("says what is wrong by itself", () => {
    expect(localErrors(BLANK)).toHaveProperty("target");
    expect(localErrors({ ...BLANK, target: "3000" })).toEqual({});
    for (const atOnce of ["0", "1.5", "many", "1000001"]) {
      expect(localErrors({ ...BLANK, target: "3000", atOnce })).toHaveProperty(["policy.max_concurrent"]);
    }
    const wrong = {
      ...BLANK,
      target: "1",
      timeout: "0",
      address: "host",
      hostHeader: "value",
      users: [{ user: "a", password: "", known: false }],
      keys: [{ name: "ci", key: "", known: false }],
      conditions: [{ on: "cookie", name: "", value: "" }],
    } satisfies typeof BLANK;
    expect(Object.keys(localErrors(wrong))).toEqual([
      "timeout_ms",
      "host",
      "host_header",
      "policy.basic_auth",
      "policy.bearer_keys",
      "matches.0",
    ]);
    expect(localErrors({ ...BLANK, target: "1", protocol: "tcp", remotePort: "70000" })).toHaveProperty(
      "remote_port",
    );
  });

  it("lets a known user keep the password and wants one of a new one", () => {
    expect(
      localErrors({ ...BLANK, target: "1", users: [{ user: "ada", password: "", known: true }] }),
    ).toEqual({});
  });
});
