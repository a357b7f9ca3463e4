import type { Imported } from "@/api/types";
import { count } from "@/lib/format";

/** Reasons told at once; more are a matter for whoever made the file. */
const MAX_REASONS = 3;

/** What became of an archive: “12 exchanges taken in, 1 left out: entry 3: it has no URL”. */
export function importedSentence({ taken_in, left_out, reasons }: Imported): string {
  const taken = `${count(taken_in, "exchange")} taken in`;
  if (left_out === 0) return taken;
  const told = reasons.slice(0, MAX_REASONS).map(({ entry, reason }) => `entry ${entry}: ${reason}`);
  const rest = left_out - told.length;
  return `${taken}, ${left_out} left out: ${told.join("; ")}${rest > 0 ? `; and ${rest} more` : ""}`;
}
