import { PNG } from "./service";
import { expect, row, test, view } from "./test";

test("JSON is a tree with all its digits, searched and copied by path", async ({ page, world, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await world.visit("/json");
  await page.goto(world.page);
  await row(page, /\/json/).click();
  await view(page, "Response");
  const tree = page.getByRole("region", { name: "JSON" });
  await expect(tree).toContainText("12345678901234567890");
  await page.getByRole("searchbox", { name: "Search in the JSON" }).fill("A-1");
  await expect(tree).not.toContainText("order_42");
  await tree.getByRole("button", { name: "sku", exact: true }).click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe("$.lines[0].sku");
});

test("a compressed body is shown decoded, and says so", async ({ page, world }) => {
  await world.visit("/gzip", { headers: { "accept-encoding": "gzip" } });
  await page.goto(world.page);
  await row(page, /\/gzip/).click();
  await view(page, "Response");
  await expect(page.getByRole("region", { name: "JSON" })).toContainText("order_42");
  await expect(page.getByText(/^Decoded from gzip/)).toBeVisible();
});

test("a form, its query and its cookies are tables", async ({ page, world }) => {
  await world.visit("/form?page=2&sort=a+b", {
    body: "user=ada&word=caf%C3%A9",
    headers: { "content-type": "application/x-www-form-urlencoded", cookie: "theme=dark; id=7" },
  });
  await page.goto(world.page);
  await row(page, /POST \/form/).click();
  await view(page, "Request");
  for (const [name, value] of [
    ["sort", "a b"],
    ["theme", "dark"],
    ["word", "café"],
  ] as const) {
    await expect(page.getByRole("term").filter({ hasText: new RegExp(`^${name}$`) })).toBeVisible();
    await expect(page.getByRole("definition").filter({ hasText: new RegExp(`^${value}$`) })).toBeVisible();
  }
});

test("the parts of a multipart body are shown and can be saved", async ({ page, world }) => {
  const body = Buffer.concat([
    Buffer.from(
      '--XX\r\nContent-Disposition: form-data; name="title"\r\n\r\nA picture\r\n--XX\r\nContent-Disposition: form-data; name="file"; filename="../dot.png"\r\nContent-Type: image/png\r\n\r\n',
    ),
    PNG,
    Buffer.from("\r\n--XX--\r\n"),
  ]);
  await world.visit("/upload", { body, headers: { "content-type": "multipart/form-data; boundary=XX" } });
  await page.goto(world.page);
  await row(page, /\/upload/).click();
  await view(page, "Request");
  await expect(page.getByText("A picture")).toBeVisible();
  await expect(page.getByText("10 × 10 pixels")).toBeVisible();
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Save", exact: true }).nth(1).click();
  const saved = await download;
  expect(saved.suggestedFilename()).not.toContain("/");
  const stream = await saved.createReadStream();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks)).toEqual(PNG);
});

test("a picture is shown, and bytes are a dump", async ({ page, world }) => {
  await world.visit("/image");
  await world.visit("/binary");
  await page.goto(world.page);
  await row(page, /\/image/).click();
  await view(page, "Response");
  await expect(page.getByText("10 × 10 pixels")).toBeVisible();
  await row(page, /\/binary/).click();
  await expect(page.getByRole("region", { name: "Bytes" })).toContainText("00 01 02 fe ff");
});

test("a body beyond the bound says how much of it was kept", async ({ page, world }) => {
  await world.visit("/large");
  await page.goto(world.page);
  await row(page, /\/large/).click();
  await view(page, "Response");
  await expect(page.getByText(/^First 2\sMiB of 3\sMiB kept/)).toBeVisible();
  await expect(page.getByRole("region", { name: "Source" })).toContainText("large large");
});

test("server-sent events are rows", async ({ page, world }) => {
  await world.visit("/events");
  await page.goto(world.page);
  await row(page, /\/events/).click();
  await view(page, "Events");
  const rows = page.getByRole("region", { name: "Events" }).getByRole("button");
  await expect(rows).toHaveCount(3);
  await rows.nth(1).click();
  await expect(page.getByRole("region", { name: /^Frame/ })).toContainText('"price": 2');
});

test("WebSocket frames are rows with direction and the reason of the end", async ({
  page,
  world,
  context,
}) => {
  await page.goto(world.page);
  const visitor = await context.newPage();
  await visitor.evaluate(
    (url) =>
      new Promise<void>((resolve, reject) => {
        const socket = new WebSocket(url);
        socket.onopen = () => socket.send("hello");
        socket.onmessage = (message) => message.data === "HELLO" && socket.close(1000, "done");
        socket.onclose = () => resolve();
        socket.onerror = () => reject(new Error("no WebSocket"));
      }),
    `ws://shop.localhost:${world.gatewayPort}/socket`,
  );
  await row(page, /\/socket/).click();
  await view(page, "Frames");
  const frames = page.getByRole("region", { name: "Frames" });
  await expect(frames.getByRole("button", { name: /from the visitor.*hello/ })).toBeVisible();
  await expect(frames.getByRole("button", { name: /from the service.*HELLO/ })).toBeVisible();
  await expect(frames.getByRole("button", { name: /1000, normal end/ }).first()).toBeVisible();
});

test.describe("a hostile page", () => {
  test.use({ refusesNothing: false });

  test("runs nothing, loads nothing and leads nowhere", async ({ page, world }) => {
    await world.visit("/hostile");
    const asked = world.service.asked.length;
    await page.goto(world.page);
    await row(page, /\/hostile/).click();
    await view(page, "Response");
    await expect(page.getByRole("region", { name: "Source" })).toContainText("<title>Hostile</title>");
    await page.getByRole("button", { name: "Preview", exact: true }).click();
    const frame = page.frameLocator("iframe[title=Preview]");
    await expect(frame.getByRole("heading", { name: "Hostile" })).toBeVisible();
    await frame.locator("#send").click();
    // Whatever would have been sent is sent before this answer has come.
    await world.visit("/after");
    await expect(row(page, /\/after/)).toBeVisible();
    expect(world.service.asked.slice(asked)).toEqual(["/after"]);
    await expect(frame.getByRole("heading", { name: "Hostile" })).toBeVisible();
  });
});
