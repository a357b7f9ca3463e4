import { stored } from "@/lib/stored";

/** Where this browser remembers what is not compared. */
export const IGNORED = "diff-ignore";

/** Rules, written with spaces or commas, with commas between. */
export function rules(written: string | null): string {
  return (written ?? "")
    .split(/[\s,]+/)
    .filter(Boolean)
    .join(",");
}

/** What is not compared: in a diff, nor by a test. */
export const ignored = (): string => rules(stored(IGNORED));
