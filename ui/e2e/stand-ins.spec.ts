import { chooseForOpen, expect, faults, row, test } from "./test";

test("an answer stands in while the service is down, until that is ended", async ({ page, world }) => {
  await world.visit("/json?a=1");
  await page.goto(world.page);
  await row(page, /\/json/).click();
  await chooseForOpen(page, "Answer with this when down");
  await expect(page.getByText("Answers GET /json while the service is down.")).toBeVisible();
  world.service.stop();
  expect((await world.visit("/json?a=2")).status).toBe(200);
  const answered = row(page, /\/json, 200.*stand-in/);
  await answered.click();
  await expect(page.getByText("Answered with that of")).toBeVisible();
  expect(await faults(page)).toEqual([]);

  await page.goto(`${world.page}/#/mappings`);
  await page.getByRole("button", { name: /^More for/ }).click();
  await page.getByRole("menuitem", { name: "Answers when down…" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("GET /json")).toBeVisible();
  expect(await faults(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Stop answering GET /json" }).click();
  await expect(dialog.getByText("Nothing stands in")).toBeVisible();
  expect((await world.visit("/json?a=3")).status).toBe(502);
});

test("a test is made of an exchange", async ({ page, world, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await world.visit("/json?a=1");
  await page.goto(world.page);
  await row(page, /\/json/).click();
  await page.getByRole("button", { name: "Copy as" }).click();
  await page.getByRole("menuitem", { name: "Make a test: Node" }).click();
  await expect
    .poll(() => page.evaluate(() => navigator.clipboard.readText()))
    .toMatch(/BASE \?\? "http:\/\/localhost:\d+".*test\("GET \/json answers 200"/s);
});
