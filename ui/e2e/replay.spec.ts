import { Service } from "./service";
import { chooseForOpen, expect, row, test, view } from "./test";

test("a replay reaches the service again, and its answer is compared with the first", async ({
  page,
  world,
}) => {
  await world.visit("/changing");
  world.service.version = 2;
  await page.goto(world.page);
  await row(page, /\/changing/).click();
  await page.getByRole("button", { name: "Replay", exact: true }).click();
  await expect(row(page, /\/changing.*replay/)).toBeVisible();
  expect(world.service.asked).toEqual(["/changing", "/changing"]);
  await page.getByRole("button", { name: "Compare" }).first().click();
  await expect(page.getByText("$.version")).toBeVisible();
  await expect(page.getByText("− 1")).toBeVisible();
  await expect(page.getByText("+ 2")).toBeVisible();
  await page.getByRole("textbox", { name: "Leave out" }).fill("$.version header:date");
  await expect(page.getByText(/are the same\.$/)).toBeVisible();
});

test("a request is edited, refused where it is wrong, and sent", async ({ page, world }) => {
  await world.visit("/form", {
    body: "a=1",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  await page.goto(world.page);
  await row(page, /POST \/form/).click();
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: "Path and query" }).fill("no spaces allowed");
  await dialog.getByRole("button", { name: "Send" }).click();
  await expect(dialog.getByText(/without spaces/)).toBeVisible();
  await dialog.getByRole("textbox", { name: "Path and query" }).fill("/edited?x=1");
  await dialog.getByRole("textbox", { name: "Body" }).fill("a=1234567");
  await dialog.getByRole("button", { name: "Send" }).click();
  await expect(row(page, /POST \/edited, 200.*replay/)).toBeVisible();
  expect(world.service.asked.at(-1)).toBe("/edited?x=1");
  await view(page, "Response");
  await expect(page.getByText("POST 9 bytes")).toBeVisible();
});

test("a request is replayed several times, and to another port", async ({ page, world }) => {
  const other = await Service.start();
  try {
    await world.visit("/json");
    await page.goto(world.page);
    await row(page, /\/json/).click();
    await chooseForOpen(page, /several times/);
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("combobox", { name: "Send to" }).selectOption("port");
    await dialog.getByRole("textbox", { name: "Times" }).fill("3");
    await dialog.getByRole("button", { name: "Replay" }).click();
    await expect(dialog.getByText("Write a port from 1 to 65535.")).toBeVisible();
    await dialog.getByRole("textbox", { name: "Port" }).fill(String(other.port));
    await dialog.getByRole("button", { name: "Replay" }).click();
    await expect(row(page, /\/json.*replay/)).toHaveCount(3);
    expect(other.asked).toEqual(["/json", "/json", "/json"]);
    expect(world.service.asked).toEqual(["/json"]);
  } finally {
    other.stop();
  }
});

test("a request is copied as curl", async ({ page, world, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await world.visit("/json?a=1");
  await page.goto(world.page);
  await row(page, /\/json/).click();
  await page.keyboard.press("c");
  await expect
    .poll(() => page.evaluate(() => navigator.clipboard.readText()))
    .toMatch(/^curl .*\/json\?a=1/s);
});
