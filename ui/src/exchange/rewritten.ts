import type { Field } from "@/api/types";

/** What was done to a head on its way: a line that went, or one that came. */
export interface HeadChange {
  mark: "removed" | "added";
  text: string;
}

interface Head {
  line: string;
  fields: readonly Field[];
}

/** Lines of the head as it came that the service did not get, and those that it got instead, by name. */
export function headChanges(came: Head, sent: Head): HeadChange[] {
  const text = ([name, value]: Field) => `${name}: ${value}`;
  const gone = without(came.fields.map(text), sent.fields.map(text));
  const fresh = without(sent.fields.map(text), came.fields.map(text));
  const name = (line: string) => line.slice(0, line.indexOf(":")).toLowerCase();
  const changes: HeadChange[] = [];
  if (came.line !== sent.line) {
    changes.push({ mark: "removed", text: came.line }, { mark: "added", text: sent.line });
  }
  const names = new Set([...gone, ...fresh].map(name));
  for (const one of names) {
    for (const line of gone) if (name(line) === one) changes.push({ mark: "removed", text: line });
    for (const line of fresh) if (name(line) === one) changes.push({ mark: "added", text: line });
  }
  return changes;
}

/** The lines of the first that are not in the second, each as often as it is too many. */
function without(lines: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
