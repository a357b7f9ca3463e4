import { expect, it } from "vitest";
import { matching } from "./commands";

const command = (label: string, about?: string) => ({ label, ...(about ? { about } : {}), act: () => {} });
const labels = (typed: string) =>
  matching(
    [command("Go to mappings"), command("Copy URL", "shop.example.com"), command("Reconnect")],
    typed,
  ).map((one) => one.label);

it("finds commands by words, by letters and by what stands behind them", () => {
  expect(labels("map")).toEqual(["Go to mappings"]);
  expect(labels("rcn")).toEqual(["Reconnect"]);
  expect(labels("shop")).toEqual(["Copy URL"]);
  expect(labels("zzz")).toEqual([]);
  expect(labels("")).toHaveLength(3);
});

it("puts the tighter match first", () => {
  expect(labels("co")[0]).toBe("Copy URL");
});
