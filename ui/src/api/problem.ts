/** What the engine answered instead of what was asked for; the code is stable, the sentence is for people. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    /** A sentence per field, where the request was understood and not accepted. */
    readonly fields: Record<string, string> = {},
  ) {
    super(detail);
    this.name = "Problem";
  }
}

/** The code of a problem that never left this computer: nobody answered. */
export const UNREACHABLE = "engine-unreachable";

export function unreachable(): Problem {
  return new Problem(
    0,
    UNREACHABLE,
    "Porthole does not answer. Is `porthole` still running in its terminal?",
  );
}

/** Reads problem JSON; anything else becomes a sentence about the status. */
export function toProblem(status: number, body: unknown): Problem {
  const given = (body ?? {}) as { code?: unknown; detail?: unknown; title?: unknown; fields?: unknown };
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  const fields: Record<string, string> = {};
  if (given.fields && typeof given.fields === "object") {
    for (const [name, sentence] of Object.entries(given.fields)) fields[name] = String(sentence);
  }
  const detail = text(given.detail) ?? text(given.title) ?? `The engine answered with status ${status}.`;
  return new Problem(status, text(given.code) ?? `status-${status}`, detail, fields);
}

/** The sentence to show for anything that was thrown. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
