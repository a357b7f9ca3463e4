import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, row, test } from "./test";
import { World } from "./world";

test("a gateway that goes is told with its reason, and that it is back", async ({ page, world }) => {
  await page.goto(`${world.page}/#/connection`);
  const main = page.getByRole("main");
  await expect(main.getByText("Connected", { exact: true }).first()).toBeVisible();
  await world.gateway.stop("SIGKILL");
  await expect(page.getByText(/^Waiting to reconnect: /)).toBeVisible();
  await world.startGateway();
  await page
    .getByRole("banner")
    .getByRole("link", { name: /Connected/ })
    .waitFor();
  await expect(page.getByText(/^Waiting to reconnect: /)).toHaveCount(0);
  await expect(main.getByRole("listitem").filter({ hasText: "Disconnected" })).toBeVisible();
  expect((await world.visit("/json")).status).toBe(200);
});

test("an engine that ends is told, and one that is back is shown again", async ({ page, world }) => {
  const listen = new URL(world.page).host;
  await world.agent.stop();
  const command = () => ["up", "--listen", listen];
  await world.startAgent(command);
  await page.goto(world.page);
  await expect(page.getByRole("heading", { name: "No exchanges yet" })).toBeVisible();
  await world.agent.stop();
  await expect(page.getByText(/^Porthole does not answer/)).toBeVisible();
  await world.startAgent(command);
  await expect(page.getByText(/^Porthole does not answer/)).toHaveCount(0);
  await expect(page.getByRole("heading", { name: "No exchanges yet" })).toBeVisible();
});

test("a full disk pauses capture with a banner, and traffic goes on", async ({ page }) => {
  const folder = mkdtempSync(join(tmpdir(), "porthole-full-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", folder], { stdio: "ignore" });
  } catch {
    test.skip(true, "a small disk needs the right to mount one");
  }
  let world: World | undefined;
  try {
    world = await World.start({ home: folder });
    await page.goto(world.page);
    const filler = openSync(join(folder, "filler"), "w");
    try {
      for (;;) writeSync(filler, Buffer.alloc(4096));
    } catch {
      // Full.
    }
    closeSync(filler);
    await expect(async () => {
      expect((await world?.visit("/large"))?.status).toBe(200);
      await expect(page.getByText(/^Capture is paused/)).toBeVisible({ timeout: 1000 });
    }).toPass();
    rmSync(join(folder, "filler"));
    await expect(page.getByText(/^Capture is paused/)).toHaveCount(0);
    await world.visit("/json");
    await expect(row(page, /\/json/)).toBeVisible();
  } finally {
    await world?.stop();
    execFileSync("umount", [folder]);
    rmSync(folder, { recursive: true });
  }
});
