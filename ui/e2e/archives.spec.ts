import { readFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { chooseForAll, chooseForOpen, expect, row, test, view } from "./test";

/** What the list's menu downloads. */
async function exported(page: Page, name: string): Promise<string> {
  const download = page.waitForEvent("download");
  await chooseForAll(page, name);
  return readFile(await (await download).path(), "utf8");
}

/** Requests and answers, without what an import makes anew. */
function told(har: string): unknown {
  const { entries } = JSON.parse(har).log as { entries: { request: object; response: object }[] };
  return entries.map(({ request, response }) => ({ request, response }));
}

test("exchanges go out as HAR, without their secrets unless asked for", async ({ page, world }) => {
  await world.visit("/json", { headers: { authorization: "Bearer s3cret" } });
  await world.visit("/binary");
  await page.goto(world.page);
  await expect(row(page, /\/json/)).toBeVisible();
  for (const [name, secret] of [
    ["Export all exchanges as HAR", false],
    ["Export all exchanges as HAR, secrets included", true],
  ] as const) {
    const text = await exported(page, name);
    expect(JSON.parse(text).log.entries).toHaveLength(2);
    expect(text.includes("s3cret")).toBe(secret);
  }
});

test("one exchange goes out as HAR by itself", async ({ page, world }) => {
  await world.visit("/json");
  await world.visit("/binary");
  await page.goto(world.page);
  await row(page, /\/json/).click();
  const download = page.waitForEvent("download");
  await chooseForOpen(page, "Save as HAR, secrets masked");
  const har = JSON.parse(await readFile(await (await download).path(), "utf8"));
  expect(
    har.log.entries.map((entry: { request: { url: string } }) => new URL(entry.request.url).pathname),
  ).toEqual(["/json"]);
});

test("an archive that went out is taken in again, chosen or dropped", async ({ page, world }) => {
  await world.visit("/form?page=2", {
    body: "word=needle",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  await world.visit("/binary");
  await page.goto(world.page);
  await expect(row(page, /\/binary/)).toBeVisible();
  const before = await exported(page, "Export all exchanges as HAR, secrets included");
  await chooseForAll(page, "Delete all exchanges…");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByRole("heading", { name: "No exchanges yet" })).toBeVisible();

  const chooser = page.waitForEvent("filechooser");
  await chooseForAll(page, "Import HAR files…");
  const archive = { name: "shop.har", mimeType: "application/json", buffer: Buffer.from(before) };
  await (await chooser).setFiles(archive);
  await expect(page.getByText("2 exchanges taken in")).toBeVisible();
  await expect(row(page, /POST \/form, 200.*import/)).toBeVisible();
  expect(told(await exported(page, "Export all exchanges as HAR, secrets included"))).toEqual(told(before));
  await row(page, /POST \/form/).click();
  await view(page, "Request");
  await expect(page.getByRole("definition").filter({ hasText: /^needle$/ })).toBeVisible();

  // Dropped on the list: one that holds something odd, and one that is none.
  const odd = JSON.parse(before);
  odd.log.entries[1].request.url = "data:text/plain,odd";
  await drop(page, { name: "odd.har", text: JSON.stringify(odd) }, { name: "none.har", text: "{}" });
  await expect(page.getByText(/^1 exchange taken in, 1 left out: entry 2: /)).toBeVisible();
  await expect(page.getByText(/^none\.har was not taken in: /)).toBeVisible();
});

/** As a file manager does it. */
async function drop(page: Page, ...files: { name: string; text: string }[]): Promise<void> {
  const dragged = await page.evaluateHandle((given) => {
    const transfer = new DataTransfer();
    for (const { name, text } of given) transfer.items.add(new File([text], name));
    return transfer;
  }, files);
  const list = page.getByRole("grid", { name: "Exchanges" });
  await list.dispatchEvent("dragover", { dataTransfer: dragged });
  await expect(page.getByText(/^Drop a \.har file/)).toBeVisible();
  await list.dispatchEvent("drop", { dataTransfer: dragged });
  await expect(page.getByText(/^Drop a \.har file/)).toHaveCount(0);
}
