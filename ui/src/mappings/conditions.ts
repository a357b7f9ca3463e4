import type { MappingCondition } from "@/api/types";

/** Conditions of one mapping; the gateway takes no more. */
export const MAX_CONDITIONS = 16;

/** Where a condition looks, in words. */
export const PLACES: Record<MappingCondition["on"], string> = {
  header: "header",
  query: "query parameter",
  cookie: "cookie",
};

/** A condition as it is written: no value means any. */
export interface ConditionDraft {
  on: MappingCondition["on"];
  name: string;
  value: string;
}

export function draftsOf(conditions: readonly MappingCondition[]): ConditionDraft[] {
  return conditions.map(({ on, name, value }) => ({ on, name, value: value ?? "" }));
}

export function conditionsOf(drafts: readonly ConditionDraft[]): MappingCondition[] {
  return drafts.map(({ on, name, value }) => ({ on, name: name.trim(), value: value === "" ? null : value }));
}

/** What is wrong with the name of a condition; what may stand in one depends on where it is looked for. */
export function nameError({ on, name }: ConditionDraft): string | undefined {
  const text = name.trim();
  const what = PLACES[on];
  if (text === "") return `Write the ${what}'s name.`;
  if (on === "query") return /[\s=&#]/.test(text) ? "A name without spaces, = and &." : undefined;
  const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
  return token ? undefined : `A ${what}'s name has no spaces, = or colons.`;
}

/** A sentence at each condition that is wrong, by its place: `matches.0`. */
export function conditionErrors(drafts: readonly ConditionDraft[]): Record<string, string> {
  const errors: Record<string, string> = {};
  for (const [index, draft] of drafts.entries()) {
    const error = nameError(draft);
    if (error) errors[`matches.${index}`] = error;
  }
  return errors;
}

/** “header x-test is 1”, for the list of mappings. */
export function conditionText({ on, name, value }: MappingCondition): string {
  return value === null || value === undefined
    ? `${PLACES[on]} ${name}`
    : `${PLACES[on]} ${name} is ${value}`;
}
