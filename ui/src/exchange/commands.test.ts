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

it("makes tests of answers, and has them stand in", () => {
  const [copy, standIn] = [vi.fn(), vi.fn()];
  const answered = { ...row, state: "done", status: 200 } as Summary;
  const commands = exchangeCommands(answered, { copy, standIn } as unknown as Actions, () => {});
  commands.find(({ label }) => label === "Make a test: Node")?.act();
  expect(copy).toHaveBeenCalledWith(answered, "test-node");
  commands.find(({ label }) => label === "Answer with this when down")?.act();
  expect(standIn).toHaveBeenCalledWith(answered, true);
});

it("offers neither where no whole answer came", () => {
  const without = (change: Partial<Summary>) =>
    exchangeCommands({ ...row, state: "done", status: 200, ...change }, {} as Actions, () => {});
  for (const change of [{ kind: "websocket" }, { state: "failed" }, { state: "open" }, { status: null }]) {
    const labels = without(change as Partial<Summary>).map(({ label }) => label);
    expect(labels.filter((label) => /test|down/i.test(label))).toEqual([]);
  }
});
