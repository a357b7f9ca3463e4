import { readFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { expect, faults, row, test } from "./test";

/** What can be done with the marked ones. */
function bar(page: Page) {
  return page.getByRole("toolbar", { name: "Marked exchanges" });
}

async function isOpen(page: Page, number: number): Promise<void> {
  await expect(page.getByRole("region", { name: `Exchange ${number}` })).toBeVisible();
}

test("marked exchanges are replayed in order, compared, pinned and deleted by keys", async ({
  page,
  world,
}) => {
  for (const path of ["/json", "/changing", "/binary"]) await world.visit(path);
  await page.goto(world.page);
  await expect(row(page, /\/json/)).toBeVisible();
  // The newest stands first: down from it to the oldest.
  await page.keyboard.press("j");
  await isOpen(page, 3);
  for (const [key, marked] of [
    ["Shift+ArrowDown", 2],
    ["Shift+ArrowDown", 3],
    ["Shift+ArrowUp", 2],
    ["Shift+ArrowDown", 3],
  ] as const) {
    await page.keyboard.press(key);
    await expect(bar(page).getByRole("status")).toHaveText(`${marked} exchanges marked`);
  }
  await expect(row(page, /\/changing/)).toHaveAttribute("aria-selected", "true");
  await expect(bar(page).getByRole("button", { name: "Compare" })).toBeDisabled();
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press("r");
  await expect(page.getByText("Replayed 3 exchanges in order")).toBeVisible();
  await expect(bar(page)).toHaveCount(0);
  expect(world.service.asked.slice(3)).toEqual(["/json", "/changing", "/binary"]);
  await expect(row(page, /replay/)).toHaveCount(3);

  // One by one: an exchange and its replay, whose answers are then compared.
  await row(page, /\/changing, 200, \d+ milliseconds$/).click();
  await isOpen(page, 2);
  await page.keyboard.press("Space");
  await expect(bar(page).getByRole("status")).toHaveText("1 exchange marked");
  await row(page, /\/changing.*replay/).click({ modifiers: ["ControlOrMeta"] });
  await expect(bar(page).getByRole("status")).toHaveText("2 exchanges marked");
  await page.keyboard.press("d");
  await expect(page.getByText(/^The answers of #2 and #5 are the same|^From #2 to #5/)).toBeVisible();
  await expect(bar(page)).toHaveCount(0);

  await row(page, /\/json.*replay/).click();
  await isOpen(page, 4);
  await row(page, /\/binary.*replay/).click({ modifiers: ["Shift"] });
  await expect(bar(page).getByRole("status")).toHaveText("3 exchanges marked");
  await page.keyboard.press("p");
  await expect(row(page, /replay, pinned/)).toHaveCount(3);
  await bar(page).getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByText("3 exchanges deleted")).toBeVisible();
  await expect(row(page, /replay/)).toHaveCount(0);
  await expect(row(page, /\/(json|changing|binary)/)).toHaveCount(3);
});

test("marked exchanges go out as one archive", async ({ page, world }) => {
  for (const path of ["/json", "/changing", "/binary"]) await world.visit(path);
  await page.goto(world.page);
  await row(page, /\/json/).click();
  await isOpen(page, 1);
  await row(page, /\/binary/).click({ modifiers: ["ControlOrMeta"] });
  const download = page.waitForEvent("download");
  await bar(page).getByRole("link", { name: "Export as HAR" }).click();
  const { log } = JSON.parse(await readFile(await (await download).path(), "utf8"));
  const paths = log.entries.map((entry: { request: { url: string } }) => new URL(entry.request.url).pathname);
  expect(paths).toEqual(["/json", "/binary"]);
  await page.keyboard.press("Escape");
  await expect(bar(page)).toHaveCount(0);
  await expect(page.getByRole("region", { name: /^Exchange/ })).toBeVisible();
});
