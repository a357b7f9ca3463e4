import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, faults, row, test, view } from "./test";
import type { World } from "./world";

/** The engine's command line where the page is for one user alone. */
function withLogin(world: World): string[] {
  const file = join(world.home, "..", "password");
  writeFileSync(file, "a long password\n", { mode: 0o600 });
  return ["up", "--listen", "127.0.0.1:0", "--ui-user", "ada", "--ui-password-file", file];
}

test.describe("with a login", () => {
  test.use({
    worldOptions: { command: withLogin },
  });

  test("nothing is shown before the login, wrong ones are told, and one signs out again", async ({
    page,
    world,
  }) => {
    await page.goto(world.page);
    const password = page.getByLabel("Password");
    await page.getByLabel("User").fill("ada");
    await password.fill("a wrong one");
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByRole("alert")).toBeVisible();
    await expect(password).toHaveValue("");
    expect(await faults(page)).toEqual([]);
    await expect(async () => {
      await password.fill("a long password");
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page.getByRole("heading", { name: "No exchanges yet" })).toBeVisible({ timeout: 3000 });
    }).toPass();
    await page.getByRole("button", { name: "Sign out ada" }).click();
    await expect(page.getByRole("heading", { name: "Sign in to Porthole" })).toBeVisible();
  });
});

test("the look follows the system and can be chosen", async ({ page, world }) => {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  /** Of a sign, which inherits it several times over. */
  const stroke = () =>
    page
      .getByRole("navigation")
      .locator("path")
      .first()
      .evaluate((sign) => getComputedStyle(sign).stroke);
  await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
  await page.goto(world.page);
  await expect(page.getByRole("heading", { name: "No exchanges yet" })).toBeVisible();
  const dark = await background();
  const darkStroke = await stroke();
  await page.emulateMedia({ colorScheme: "light" });
  const light = await background();
  expect(light).not.toBe(dark);
  expect(await stroke()).not.toBe(darkStroke);
  await page.goto(`${world.page}/#/settings`);
  await page.getByRole("combobox", { name: "Colours" }).selectOption("dark");
  expect(await background()).toBe(dark);
  await page.reload();
  await expect(page.getByRole("combobox", { name: "Colours" })).toHaveValue("dark");
  expect(await background()).toBe(dark);
});

test("everything that one does every day is done by keys alone", async ({ page, world, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await world.visit("/json");
  await world.visit("/broken");
  await page.goto(world.page);
  await expect(row(page, /\/broken/)).toBeVisible();
  await page.keyboard.press("j");
  await expect(page.getByRole("region", { name: "Exchange 2" })).toBeVisible();
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("region", { name: "Exchange 1" })).toBeVisible();
  await page.keyboard.press("p");
  await expect(row(page, /\/json.*pinned/)).toBeVisible();
  await page.keyboard.press("c");
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain("curl");
  await page.keyboard.press("r");
  await expect(row(page, /\/json.*replay/)).toBeVisible();
  await page.keyboard.press("d");
  await expect(page.getByRole("combobox", { name: "Compare with" })).toBeVisible();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("add note");
  await page.keyboard.press("Enter");
  await page.getByRole("textbox", { name: "Note" }).press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.keyboard.press("e");
  await expect(page.getByRole("dialog", { name: /Edit and resend/ })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("region", { name: /^Exchange/ })).toHaveCount(0);
  await page.keyboard.press("/");
  await page.keyboard.type("broken");
  await expect(row(page, /\/json/)).toHaveCount(0);
  await page.keyboard.press("Escape");
  await page.keyboard.press("x");
  await expect(row(page, /\/json/).first()).toBeVisible();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Help" })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("mappings");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Mappings", exact: true })).toBeVisible();
});

for (const look of ["dark", "light"] as const) {
  test(`axe finds nothing to mend in the ${look} look`, async ({ page, world }) => {
    await page.emulateMedia({ colorScheme: look, reducedMotion: "reduce" });
    await world.visit("/json?a=1", { headers: { cookie: "a=b" } });
    await world.visit("/broken");
    await page.goto(world.page);
    await row(page, /\/json/).click();
    for (const tab of ["Overview", "Request", "Response", "Diff"]) {
      await view(page, tab);
      await expect(page.getByRole("tabpanel")).not.toContainText("…");
      expect(await faults(page)).toEqual([]);
    }
    for (const screen of ["mappings", "connection", "traffic", "settings"]) {
      await page.goto(`${world.page}/#/${screen}`);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await expect(page.getByRole("status").filter({ hasText: "…" })).toHaveCount(0);
      expect(await faults(page)).toEqual([]);
    }
    await page.goto(`${world.page}/#/mappings`);
    await page.getByRole("button", { name: "Add a mapping" }).click();
    expect(await faults(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await expect(page.getByRole("dialog", { name: "Help" })).toBeVisible();
    expect(await faults(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await expect(page.getByRole("dialog", { name: "Command palette" })).toBeVisible();
    expect(await faults(page)).toEqual([]);
    await page.keyboard.press("Escape");

    await world.visit("/events");
    await page.goto(`${world.page}/#/exchanges`);
    await row(page, /\/events/).click();
    await view(page, "Events");
    await expect(page.getByRole("region", { name: "Events" })).toBeVisible();
    expect(await faults(page)).toEqual([]);
    await page.keyboard.press("e");
    await expect(page.getByRole("textbox", { name: "Path and query" })).toBeVisible();
    expect(await faults(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("combobox", { name: "Search exchanges" }).fill("nowhere");
    await expect(page.getByRole("heading", { name: "No exchange matches" })).toBeVisible();
    expect(await faults(page)).toEqual([]);
  });

  test(`axe finds nothing to mend in the ${look} look before the first request and before the login`, async ({
    page,
    world,
  }) => {
    await page.emulateMedia({ colorScheme: look, reducedMotion: "reduce" });
    await page.goto(world.page);
    await expect(page.getByText("Waiting for the first request to")).toBeVisible();
    expect(await faults(page)).toEqual([]);
    await world.agent.stop();
    await world.startAgent(() => withLogin(world));
    await page.goto(world.page);
    await expect(page.getByRole("heading", { name: "Sign in to Porthole" })).toBeVisible();
    expect(await faults(page)).toEqual([]);
    await world.agent.stop();
    await world.startAgent(() => ["up", "--listen", "127.0.0.1:0"]);
    await page.goto(world.page);
    await expect(page.getByRole("listitem").filter({ hasText: String(world.service.port) })).toBeVisible();
    expect(await faults(page)).toEqual([]);
  });
}
