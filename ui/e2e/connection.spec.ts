import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, row, test } from "./test";

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
  await expect(page.getByText(/^Porthole does not answer: what is shown may be old/)).toBeVisible();
  await world.startAgent(command);
  await expect(page.getByText(/^Porthole does not answer: what is shown may be old/)).toHaveCount(0);
  await expect(page.getByRole("heading", { name: "No exchanges yet" })).toBeVisible();
});

test.describe("on a small disk", () => {
  // In a namespace of its own, where anybody may mount.
  const SMALL_DISK = 'mkdir -m 700 -p "$0" && mount -t tmpfs -o size=4m,mode=0700 tmpfs "$0" && exec "$@"';
  test.use({
    worldOptions: {
      through: (home: string) => ["unshare", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, home],
    },
  });

  test("a full disk pauses capture with a banner, and traffic goes on", async ({ page, world }) => {
    await page.goto(world.page);
    // The disk as the engine sees it.
    const filler = join("/proc", String(world.agent.pid), "root", world.home, "filler");
    const file = openSync(filler, "w");
    try {
      for (;;) writeSync(file, Buffer.alloc(4096));
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
    }
    closeSync(file);
    await expect(async () => {
      expect((await world.visit("/large")).status).toBe(200);
      await expect(page.getByText(/^Capture is paused/)).toBeVisible({ timeout: 1000 });
    }).toPass();
    rmSync(filler);
    await expect(page.getByText(/^Capture is paused/)).toHaveCount(0);
    await world.visit("/json");
    await expect(row(page, /\/json/)).toBeVisible();
  });
});
