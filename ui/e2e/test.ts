import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test as base, expect, type Page } from "@playwright/test";
import { freshPage } from "./fresh";
import { type Options, World } from "./world";

export { expect };

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Fixtures {
  /** Options of the world; set by `test.use`. */
  worldOptions: Options;
  /** Whether the page must not try what its policy refuses; a captured page in a preview may. */
  refusesNothing: boolean;
  /** A world of this test's own. */
  world: World;
}

export const test = base.extend<Fixtures>({
  worldOptions: [{}, { option: true }],
  refusesNothing: [true, { option: true }],
  world: async ({ worldOptions }, use) => {
    const world = await World.start(worldOptions);
    await use(world);
    await world.stop();
  },
  // Whatever a test looks at: nothing goes wrong in the page.
  page: async ({ page, refusesNothing }, use) => {
    const wrong: string[] = [];
    page.on("pageerror", (error) => wrong.push(error.message));
    page.on("console", (message) => {
      if (refusesNothing && message.text().includes("Content Security Policy")) wrong.push(message.text());
    });
    await freshPage(page);
    await use(page);
    expect(wrong).toEqual([]);
  },
});

/** The row of the list for this request. */
export function row(page: Page, name: string | RegExp) {
  return page.getByRole("grid", { name: "Exchanges" }).getByRole("row", { name });
}

/** Opens one of the views of the open exchange. */
export async function view(page: Page, tab: string): Promise<void> {
  await page.getByRole("tab", { name: tab }).click();
}

/** Chooses from the menu of the open exchange. */
export async function chooseForOpen(page: Page, item: string | RegExp): Promise<void> {
  const pane = page.getByRole("region", { name: /^Exchange/ });
  await pane.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: item }).click();
}

/** Chooses from the menu for the whole list. */
export async function chooseForAll(page: Page, item: string): Promise<void> {
  await page.getByRole("button", { name: "More" }).first().click();
  await page.getByRole("menuitem", { name: item, exact: true }).click();
}

/** What axe-core finds fault with, in WCAG A and AA. */
export async function faults(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: axe puts itself there
    const axe = (window as any).axe;
    const found = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] });
    return found.violations.flatMap(
      (one: { id: string; nodes: { target: string[]; failureSummary: string }[] }) =>
        one.nodes.map((node) => `${one.id}: ${node.target.join(" ")}: ${node.failureSummary}`),
    );
  });
}
