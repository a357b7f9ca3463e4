import { expect, it, vi } from "vitest";
import type { Summary } from "@/api/types";
import { exchangeCommands } from "./commands";
import type { Actions } from "./use-actions";

const row = { id: 7, method: "POST", target: "/hook", kind: "http", pinned: true, note: null } as Summary;

it("offers what can be done with the exchange, which is named", () => {
  const replay = vi.fn();
  const commands = exchangeCommands(row, { replay } as unknown as Actions, () => {});
  expect(new Set(commands.map(({ about }) => about))).toEqual(new Set(["#7 POST /hook"]));
  expect(commands.map(({ label }) => label)).toContain("Unpin");
  commands.find(({ label }) => label === "Replay")?.act();
  expect(replay).toHaveBeenCalledWith(row);
});

it("offers no replay of raw TCP", () => {
  const labels = exchangeCommands({ ...row, kind: "tcp" }, {} as Actions, () => {}).map(({ label }) => label);
  expect(labels.filter((label) => /replay|resend/i.test(label))).toEqual([]);
});
