import type { CopyFormat, Summary } from "@/api/types";
import type { Command } from "@/shell/commands";
import type { Actions } from "./use-actions";

const COPIES: [format: CopyFormat, label: string, keys?: string][] = [
  ["curl", "Copy as curl", "c"],
  ["fetch", "Copy as fetch"],
  ["httpie", "Copy as HTTPie"],
  ["raw", "Copy raw request"],
];

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
    offer(row.pinned ? "Unpin" : "Pin", () => actions.pin(row), "p"),
    offer(row.note ? "Edit note" : "Add a note", () => actions.note(row)),
    offer("Delete", () => actions.remove(row)),
  ];
}
