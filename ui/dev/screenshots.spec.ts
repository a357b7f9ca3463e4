import { expect, type Page, test } from "@playwright/test";

/** What is shown: a name, where it is, and what is done first. */
const SCREENS: [name: string, path: string, before: (page: Page) => Promise<void>][] = [
  ["exchanges", "#/exchanges", async () => {}],
  [
    "exchange",
    "#/exchanges/1183",
    async (page) => {
      await page.getByRole("tab", { name: "Request" }).click();
      await expect(page.getByRole("region", { name: "JSON" })).toBeVisible();
    },
  ],
  [
    "diff",
    "#/exchanges/1104",
    async (page) => {
      await page.getByRole("tab", { name: "Diff" }).click();
      await expect(page.getByText("$.received")).toBeVisible();
    },
  ],
  [
    "frames",
    "#/exchanges/1171",
    async (page) => {
      await page.getByRole("tab", { name: "Frames" }).click();
      await page.getByRole("region", { name: "Frames" }).getByRole("button").nth(2).click();
    },
  ],
  ["mappings", "#/mappings", async () => {}],
  ["connection", "#/connection", async () => {}],
  ["traffic", "#/traffic", async () => {}],
];

for (const look of ["dark", "light"] as const) {
  for (const [name, path, before] of SCREENS) {
    test(`${name}, ${look}`, async ({ page }) => {
      await page.emulateMedia({ colorScheme: look, reducedMotion: "reduce" });
      await page.goto(path);
      await before(page);
      await expect(page.getByRole("status").filter({ hasText: "…" })).toHaveCount(0);
      await page.mouse.move(0, 0);
      // The focus ring of the last click is not part of the picture.
      await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
      await page.screenshot({ path: `screenshots/${name}-${look}.png` });
    });
  }
}
