import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, type Page, test } from "@playwright/test";
import { freshPage } from "../e2e/fresh";
import { World } from "../e2e/world";
import { Day } from "./day";
import { smaller } from "./png";

/** See alone.sh. */
const DOMAIN = "tunnel.example.com";

const LOOKS = ["dark", "light"] as const;

/** Looks like nothing is going on any more, then takes the picture in both looks. */
async function picture(page: Page, name: string): Promise<void> {
  await expect(page.getByRole("status").filter({ hasText: "…" })).toHaveCount(0);
  await page.mouse.move(0, 0);
  for (const look of LOOKS) {
    await page.emulateMedia({ colorScheme: look, reducedMotion: "reduce" });
    const png = await page.screenshot({ caret: "hide" });
    writeFileSync(`screenshots/${name}-${look}.png`, smaller(png));
  }
}

/** The focus ring of the last click is not part of a picture. */
const unfocus = (page: Page) => page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());

test.beforeEach(({ page }) => freshPage(page));

test("a day in a shop", async ({ page }) => {
  test.setTimeout(300_000);
  const day = await Day.start({ domain: DOMAIN });
  const { world } = day;
  const open = (hash: string) => page.goto(`${world.page}/#/${hash}`);
  const main = page.getByRole("main");
  try {
    const failed = await day.newest("path:/hooks/stripe");
    await open("exchanges");
    await expect(page.getByRole("row", { name: /hooks\/stripe/ })).toBeVisible();
    await picture(page, "exchanges");

    await open(`exchanges/${failed}`);
    await page.getByRole("tab", { name: "Request" }).click();
    await expect(page.getByRole("region", { name: "JSON" })).toBeVisible();
    await unfocus(page);
    await picture(page, "exchange");

    await open(`exchanges/${await day.newest("is:websocket")}`);
    await page.getByRole("tab", { name: "Frames" }).click();
    await page
      .getByRole("button", { name: /from the service.*ord_/ })
      .first()
      .click();
    await unfocus(page);
    await picture(page, "frames");

    await day.mend();
    await open(`exchanges/${failed}`);
    await page.getByRole("button", { name: "Replay", exact: true }).click();
    await page.getByRole("button", { name: "Compare" }).last().click();
    await expect(page.getByText("$.order.status")).toBeVisible();
    await page.getByRole("button", { name: "Close" }).last().click();
    await unfocus(page);
    await picture(page, "diff");

    await open("exchanges");
    await page.keyboard.press("Control+k");
    await page.keyboard.type("sh");
    await picture(page, "palette");
    await page.keyboard.press("Escape");

    await open("mappings");
    await expect(main.getByText("orders-api").first()).toBeVisible();
    await picture(page, "mappings");
    await page.getByRole("button", { name: "Edit", exact: true }).nth(2).click();
    await picture(page, "edit-mapping");
    await page.keyboard.press("Escape");

    for (const screen of ["connection", "traffic", "settings"]) {
      await open(screen);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await picture(page, screen);
    }
  } finally {
    await day.stop();
  }
});

test("the first run", async ({ page }) => {
  const day = await Day.start({ domain: DOMAIN, over: false });
  try {
    await page.goto(day.world.page);
    const port = page.getByRole("listitem").filter({ hasText: "shop-frontend" });
    await expect(port).toBeVisible();
    await picture(page, "first-run");
    await port.getByRole("button", { name: "Expose" }).click();
    await expect(page.getByRole("img", { name: /^QR code of/ })).toBeVisible();
    await unfocus(page);
    await picture(page, "exposed");
  } finally {
    await day.stop();
  }
});

test("the login", async ({ page }) => {
  const folder = mkdtempSync(join(tmpdir(), "porthole-password-"));
  const file = join(folder, "password");
  writeFileSync(file, "a long password\n", { mode: 0o600 });
  const world = await World.start({
    command: () => ["up", "--ui-user", "ada", "--ui-password-file", file],
    domain: DOMAIN,
  });
  try {
    await page.goto(world.page);
    await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
    await unfocus(page);
    await picture(page, "login");
  } finally {
    await world.stop();
    rmSync(folder, { recursive: true });
  }
});
