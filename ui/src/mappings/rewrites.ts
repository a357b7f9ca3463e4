import type { Policy } from "@/api/types";

type Rewrites = Pick<Policy, "rewrites">;

/** Rewrites of one mapping; the gateway takes no more. */
export const MAX_REWRITES = 32;

/** Paths that the service sees as others, as they are typed. */
export interface RewritesForm {
  rewrites: { from: string; to: string }[];
}

export const BLANK_REWRITES: RewritesForm = { rewrites: [] };

/** What a mapping without requests rewrites of them. */
export const NO_REWRITES: Rewrites = { rewrites: [] };

export function rewritesFormOf({ rewrites }: Rewrites): RewritesForm {
  return { rewrites: rewrites.map(({ from, to }) => ({ from, to })) };
}

export function rewritesOf({ rewrites }: RewritesForm): Rewrites {
  return { rewrites: rewrites.map(({ from, to }) => ({ from: from.trim(), to: to.trim() })) };
}

/** What is wrong by itself, by its place: `policy.rewrites.0`. */
export function rewriteErrors({ rewrites }: RewritesForm): Record<string, string> {
  const errors: Record<string, string> = {};
  for (const [index, { from, to }] of rewrites.entries()) {
    if (!from.trim().startsWith("/") || !to.trim().startsWith("/")) {
      errors[`policy.rewrites.${index}`] = "Write two paths such as /v1 and /api/2024.";
    }
  }
  return errors;
}
