import type { CopyFormat, Summary } from "@/api/types";
import type { Command } from "@/shell/commands";
import type { Actions } from "./use-actions";

const COPIES: [format: CopyFormat, label: string, keys?: string][] = [
  ["curl", "Copy as curl", "c"],
  ["fetch", "Copy as fetch"],
  ["httpie", "Copy as HTTPie"],
  ["raw", "Copy raw request"],
];

/** Where there is an answer to a request. */
const TESTS: [format: CopyFormat, label: string][] = [
  ["test-sh", "Make a test: shell"],
  ["test-node", "Make a test: Node"],
];

/** Whether it is a request with a whole answer: that can be expected again, or stand in. */
export function canTest(row: Pick<Summary, "kind" | "state" | "status">): boolean {
  return row.kind === "http" && row.state === "done" && row.status !== null;
}

/** What the palette offers for the open exchange. */
export function exchangeCommands(row: Summary, actions: Actions, compare: () => void): Command[] {
  const about = `#${row.id} ${row.method} ${row.target}`;
  const offer = (label: string, act: () => void, keys?: string): Command => ({
    label,
    about,
    act,
    ...(keys ? { keys } : {}),
  });
  const again = [
    offer("Replay", () => actions.replay(row), "r"),
    offer("Edit and resend", () => actions.edit(row), "e"),
    offer("Replay several times, or elsewhere", () => actions.replayWith(row)),
  ];
  return [
    ...(row.kind === "tcp" ? [] : again),
    offer("Compare", compare, "d"),
    ...COPIES.map(([format, label, keys]) => offer(label, () => actions.copy(row, format), keys)),
    ...(canTest(row)
      ? [
          ...TESTS.map(([format, label]) => offer(label, () => actions.copy(row, format))),
          offer("Answer with this when down", () => actions.standIn(row, true)),
        ]
      : []),
    offer(row.pinned ? "Unpin" : "Pin", () => actions.pin(row), "p"),
    offer(row.note ? "Edit note" : "Add a note", () => actions.note(row)),
    offer("Delete", () => actions.remove(row)),
  ];
}
