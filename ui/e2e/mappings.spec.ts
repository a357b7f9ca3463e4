import { Service } from "./service";
import { expect, row, test } from "./test";

const up = () => ["up", "--listen", "127.0.0.1:0"];

test.describe("with the engine that a service runs", () => {
  test.use({ worldOptions: { command: up } });

  test("on the first run a click leads from a listening port to its URL and the first request", async ({
    page,
    world,
    context,
  }) => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto(world.page);
    await expect(page.getByRole("heading", { name: "No exchanges yet" })).toBeVisible();
    const port = page.getByRole("listitem").filter({ hasText: String(world.service.port) });
    await port.getByRole("button", { name: "Expose" }).click();
    // First of all, since the note goes by itself.
    await expect(page.getByText(/^Exposed, URL copied: http/)).toBeVisible();
    const url = await page.evaluate(() => navigator.clipboard.readText());
    await expect(page.getByText("Waiting for the first request to")).toBeVisible();
    await expect(page.getByRole("main").getByRole("link", { name: url })).toBeVisible();
    await expect(page.getByText(/^Only this computer finds localhost/)).toBeVisible();
    await world.visit("/first", { name: new URL(url).hostname.split(".")[0] ?? "" });
    await expect(row(page, /^GET \/first, 200/)).toBeVisible();
  });

  test("a listening port is exposed with a click, paused and resumed at the same URL", async ({
    page,
    world,
    context,
  }) => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto(`${world.page}/#/mappings`);
    await expect(page.getByRole("heading", { name: "No mappings yet" })).toBeVisible();
    const port = page.getByRole("listitem").filter({ hasText: String(world.service.port) });
    await port.getByRole("button", { name: "Expose" }).click();
    const mapping = page.getByRole("listitem").filter({ has: page.getByRole("switch") });
    await expect(mapping).toContainText("Live");
    const url = (await mapping.getByText(new RegExp(`localhost:${world.gatewayPort}$`)).textContent()) ?? "";
    expect((await world.visit("/json", { name: new URL(url).hostname.split(".")[0] ?? "" })).status).toBe(
      200,
    );

    await mapping.getByRole("switch").click();
    await expect(mapping).toContainText("Paused");
    await mapping.getByRole("switch").click();
    await expect(mapping.getByText(url)).toBeVisible();
    await mapping.getByRole("button", { name: "QR code" }).click();
    await expect(page.getByRole("img", { name: `QR code of ${url}` })).toBeVisible();
  });

  test("a mapping is refused with a sentence at each field that is wrong", async ({ page, world }) => {
    await page.goto(`${world.page}/#/mappings`);
    await page.getByRole("button", { name: "Add a mapping" }).click();
    const dialog = page.getByRole("dialog");
    const wrong: [field: string, text: string, fault: RegExp, mended: string][] = [
      ["Target", "not a target!", /target|port|host/i, String(world.service.port)],
      ["Name", "no_underscores!", /name/i, "shop"],
      ["Path", "no-slash", /path/i, "/api"],
      ["Timeout", "0", /seconds/i, "30"],
      ["Allowed addresses", "not-an-address", /address/i, "127.0.0.0/8"],
      ["Denied addresses", "300.1.1.1", /address/i, ""],
    ];
    for (const [field, text, fault, mended] of wrong) {
      const input = dialog.getByRole("textbox", { name: field, exact: true });
      await input.fill(text);
      await expect(input).toHaveAttribute("aria-invalid", "true");
      await expect(input).toHaveAccessibleDescription(/^✕ /);
      await expect(input).toHaveAccessibleDescription(fault);
      await input.fill(mended);
      await expect(input).toHaveAttribute("aria-invalid", "false");
    }
    await dialog.getByRole("button", { name: "Add a condition" }).click();
    const condition = dialog.getByRole("textbox", { name: "Name in condition 1" });
    await condition.fill("x test");
    await expect(condition).toHaveAttribute("aria-invalid", "true");
    await expect(condition).toHaveAccessibleDescription(/^✕ A header's name/);
    await condition.fill("x-test");
    await expect(condition).toHaveAttribute("aria-invalid", "false");
    await dialog.getByRole("button", { name: "Remove condition 1" }).click();
    await dialog.getByRole("button", { name: "Add a user" }).click();
    await dialog.getByRole("textbox", { name: "User 1" }).fill("ada");
    await dialog.getByRole("button", { name: "Add mapping" }).click();
    await expect(dialog.getByText(/needs a password/)).toBeVisible();
    await dialog.getByLabel("Password 1").fill("secret word");
    await dialog.getByRole("button", { name: "Add mapping" }).click();
    await expect(dialog).toHaveCount(0);
    await expect(page.getByText(`http://shop.localhost:${world.gatewayPort}/api`)).toBeVisible();
    await expect.poll(async () => (await world.visit("/api/x")).status).toBe(401);
    const authorization = `Basic ${Buffer.from("ada:secret word").toString("base64")}`;
    expect((await world.visit("/api/x", { headers: { authorization } })).status).toBe(200);

    // Edited, it keeps the password that nobody typed again.
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    await page.getByRole("dialog").getByRole("textbox", { name: "Path", exact: true }).fill("/v2");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await expect(page.getByText(`http://shop.localhost:${world.gatewayPort}/v2`)).toBeVisible();
    await expect
      .poll(async () => (await world.visit("/v2/x", { headers: { authorization } })).status)
      .toBe(200);
    expect((await world.visit("/v2/x")).status).toBe(401);

    await page.getByRole("button", { name: "More for shop" }).click();
    await page.getByRole("menuitem", { name: "Delete…" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await expect(page.getByRole("heading", { name: "No mappings yet" })).toBeVisible();
  });

  test("two mappings share an address where one has a condition", async ({ page, world }) => {
    const other = await Service.start();
    try {
      await world.api("/mappings", {
        method: "POST",
        body: JSON.stringify({ target: String(world.service.port), name: "shop" }),
      });
      await page.goto(`${world.page}/#/mappings`);
      await page.getByRole("button", { name: "Add a mapping" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("textbox", { name: "Target" }).fill(String(other.port));
      await dialog.getByRole("textbox", { name: "Name", exact: true }).fill("shop");
      await dialog.getByRole("button", { name: "Add a condition" }).click();
      await dialog.getByRole("combobox", { name: "Condition 1 looks at" }).selectOption("cookie");
      await dialog.getByRole("button", { name: "Add mapping" }).click();
      await expect(dialog.getByText("✕ Write the cookie's name.")).toBeVisible();
      await dialog.getByRole("textbox", { name: "Name in condition 1" }).fill("beta");
      await dialog.getByRole("textbox", { name: "Value in condition 1" }).fill("yes");
      await dialog.getByRole("button", { name: "Add mapping" }).click();
      await expect(dialog).toHaveCount(0);
      const mapping = page.getByRole("listitem").filter({ hasText: "only with cookie beta is yes" });
      await expect(mapping).toContainText("Live");
      for (const cookie of ["beta=yes", "beta=no"]) {
        await expect.poll(async () => (await world.visit("/json", { headers: { cookie } })).status).toBe(200);
      }
      expect(other.asked).toEqual(["/json"]);
      expect(world.service.asked.at(-1)).toBe("/json");

      // What was written is there to be changed.
      await mapping.getByRole("button", { name: "Edit", exact: true }).click();
      await expect(dialog.getByRole("textbox", { name: "Value in condition 1" })).toHaveValue("yes");
    } finally {
      other.stop();
    }
  });

  test("a service that starts later shows up among the ports", async ({ page, world }) => {
    await page.goto(`${world.page}/#/mappings`);
    await expect(page.getByRole("listitem").filter({ hasText: String(world.service.port) })).toBeVisible();
    const later = await Service.start();
    try {
      await expect(page.getByRole("listitem").filter({ hasText: String(later.port) })).toBeVisible();
    } finally {
      later.stop();
    }
  });
});

test("a mapping of a running command is shown and not changed here", async ({ page, world }) => {
  await page.goto(`${world.page}/#/mappings`);
  const mapping = page.getByRole("listitem").filter({ hasText: "of a running command" });
  await expect(mapping).toContainText(`http://shop.localhost:${world.gatewayPort}`);
  await expect(mapping.getByRole("switch")).toHaveCount(0);
});
