import { describe, expect, it } from "vitest";
import { BLANK_RULES, NO_RULES, ruleErrors, rulesFormOf, rulesOf } from "./rules";

const rules = {
  max_body: "10MB",
  maintenance: { message: "Back at noon.", retry_after_s: 600 },
  allow_methods: ["GET", "POST"],
  public_paths: ["/hooks"],
  private_paths: ["/", "/admin"],
  answers: [
    { path: "/old", status: 308, location: "/new", content_type: null, body: "" },
    { path: "/a.json", status: 200, location: null, content_type: "application/json", body: "{}" },
  ],
};

describe("what a mapping asks of requests", () => {
  it("is what it was when nothing is changed", () => {
    expect(rulesOf(rulesFormOf(rules))).toEqual(rules);
    expect(rulesOf(rulesFormOf(NO_RULES))).toEqual(NO_RULES);
    expect(rulesOf(BLANK_RULES)).toEqual(NO_RULES);
  });

  it("is read as it is typed", () => {
    const form = { ...BLANK_RULES, methods: "get, post", privatePaths: " /admin  /debug ", maxBody: " 1MB " };
    expect(rulesOf(form)).toEqual({
      ...NO_RULES,
      allow_methods: ["GET", "POST"],
      private_paths: ["/admin", "/debug"],
      max_body: "1MB",
    });
  });

  it("keeps of an answer what goes with its status", () => {
    const draft = { path: "/x", status: "302", location: " /y ", body: "gone", contentType: "text/plain" };
    const only = (status: string) => rulesOf({ ...BLANK_RULES, answers: [{ ...draft, status }] }).answers;
    expect(only("302")).toEqual([{ path: "/x", status: 302, location: "/y", content_type: null, body: "" }]);
    expect(only("410")).toEqual([
      { path: "/x", status: 410, location: null, content_type: "text/plain", body: "gone" },
    ]);
  });

  it("says what is wrong by itself", () => {
    const draft = { path: "/x", status: "200", location: "", body: "", contentType: null };
    const answers = [
      draft,
      { ...draft, path: "x" },
      { ...draft, status: "304" },
      { ...draft, status: "" },
      { ...draft, status: "301" },
    ];
    const wrong = { ...BLANK_RULES, maintenance: true, maintenanceRetry: "0", answers };
    expect(Object.keys(ruleErrors(wrong))).toEqual([
      "policy.maintenance",
      "policy.answers.1",
      "policy.answers.2",
      "policy.answers.3",
      "policy.answers.4",
    ]);
    expect(ruleErrors({ ...wrong, maintenance: false, answers: [] })).toEqual({});
  });
});
