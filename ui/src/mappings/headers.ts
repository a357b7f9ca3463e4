import type { Policy } from "@/api/types";

type Headers = Pick<Policy, "request_headers" | "response_headers">;
type HeaderRules = Headers["request_headers"];

/** Changes to the fields of requests, and as many to those of answers; the gateway takes no more. */
export const MAX_HEADERS = 32;

/** What is done, in words. */
export const CHANGES = { set: "set", add: "add", remove: "remove" };

/** Whose head it is done to, in words. */
export const HEADS = { request: "of requests", response: "of answers" };

/** A change as it is written; one that removes has no value. */
export interface HeaderDraft {
  head: keyof typeof HEADS;
  change: keyof typeof CHANGES;
  name: string;
  value: string;
}

/** What is changed of header fields, as it is typed. */
export interface HeadersForm {
  headers: HeaderDraft[];
}

export const BLANK_HEADERS: HeadersForm = { headers: [] };

/** What a mapping without requests changes of them. */
export const NO_HEADERS: Headers = {
  request_headers: { remove: [], set: [], add: [] },
  response_headers: { remove: [], set: [], add: [] },
};

export function headersFormOf(policy: Headers): HeadersForm {
  const { request_headers, response_headers } = policy;
  return { headers: [...draftsOf("request", request_headers), ...draftsOf("response", response_headers)] };
}

function draftsOf(head: HeaderDraft["head"], rules: HeaderRules): HeaderDraft[] {
  const { remove = [], set = [], add = [] } = rules;
  return [
    ...remove.map((name) => ({ head, change: "remove" as const, name, value: "" })),
    ...set.map(({ name, value = "" }) => ({ head, change: "set" as const, name, value })),
    ...add.map(({ name, value = "" }) => ({ head, change: "add" as const, name, value })),
  ];
}

export function headersOf({ headers }: HeadersForm): Headers {
  const of = (head: HeaderDraft["head"]): HeaderRules => {
    const fields = (change: HeaderDraft["change"]) =>
      headers
        .filter((draft) => draft.head === head && draft.change === change)
        .map(({ name, value }) => ({ name: name.trim(), value: value.trim() }));
    return { remove: fields("remove").map(({ name }) => name), set: fields("set"), add: fields("add") };
  };
  return { request_headers: of("request"), response_headers: of("response") };
}

/** What is wrong by itself, by its place: `headers.0`. */
export function headerErrors({ headers }: HeadersForm): Record<string, string> {
  const errors: Record<string, string> = {};
  for (const [index, { name, change, value }] of headers.entries()) {
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name.trim())) {
      errors[`headers.${index}`] = "Write a name such as X-Env, without spaces and colons.";
    } else if (change !== "remove" && !/^[ -~]*$/.test(value.trim())) {
      errors[`headers.${index}`] = "Write a value of visible ASCII characters.";
    }
  }
  return errors;
}
