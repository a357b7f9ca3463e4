import type { Policy } from "@/api/types";

/** Keys of one mapping; the gateway takes no more. */
export const MAX_KEYS = 100;

/** Random bytes of a key that is made here: 256 bits. */
const MADE_BYTES = 32;

/** A key as it is written. Known ones have no text here: theirs stays as it is. */
export interface KeyDraft {
  name: string;
  key: string;
  known: boolean;
}

export function keyDraftsOf(policy: Pick<Policy, "bearer_keys">): KeyDraft[] {
  return policy.bearer_keys.map(({ name }) => ({ name, key: "", known: true }));
}

/** What the engine is told. */
export function keysOf(drafts: KeyDraft[]): { name: string; key?: string }[] {
  return drafts.map(({ name, key }) => ({ name: name.trim(), ...(key ? { key } : {}) }));
}

/** A random key, in characters that any header may hold. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(MADE_BYTES));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** What is wrong by itself, before the engine is asked. */
export function keyErrors(drafts: KeyDraft[]): Record<string, string> {
  if (drafts.some(({ name }) => !/^[A-Za-z0-9._-]{1,64}$/.test(name.trim()))) {
    return { "policy.bearer_keys": "Each key needs a name of letters, digits, dots and dashes." };
  }
  if (drafts.some(({ known, key }) => !(known && key === "") && !/^[!-~]{16,1024}$/.test(key))) {
    return { "policy.bearer_keys": "A key has 16 characters or more, and no spaces." };
  }
  return {};
}
