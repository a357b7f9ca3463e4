import { chooseForOpen, expect, row, test, view } from "./test";
import type { World } from "./world";

test("before the first request the page says what to do, and the first one shows up by itself", async ({
  page,
  world,
}) => {
  await page.goto(world.page);
  await expect(page.getByRole("heading", { name: "No exchanges yet" })).toBeVisible();
  await expect(page.getByRole("link", { name: /shop\.localhost/ })).toBeVisible();
  await world.visit("/hello?name=ada");
  await expect(row(page, /^GET \/hello, 200, \d+ milliseconds$/)).toBeVisible();
});

test("a search has hits, none, or is told what is wrong with it, and completes its language", async ({
  page,
  world,
}) => {
  await world.visit("/json");
  await world.visit("/broken");
  await world.visit("/form", {
    body: "word=needle",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  await page.goto(world.page);
  await expect(row(page, /\/broken/)).toBeVisible();
  const search = page.getByRole("combobox", { name: "Search exchanges" });

  await search.fill("needle");
  await expect(row(page, /POST \/form/)).toBeVisible();
  await expect(row(page, /\/broken/)).toHaveCount(0);

  await search.fill("nowhere");
  await expect(page.getByRole("heading", { name: "No exchange matches" })).toBeVisible();
  await page.getByRole("button", { name: "Clear the search" }).last().click();
  await expect(row(page, /\/broken/)).toBeVisible();

  await search.pressSequentially("stat");
  await expect(page.getByRole("option", { name: "status:" })).toBeVisible();
  await search.press("ArrowDown");
  await search.press("Tab");
  await search.pressSequentially("5");
  await search.press("ArrowDown");
  await search.press("Tab");
  await expect(search).toHaveValue("status:5xx ");
  await expect(row(page, /\/broken/)).toBeVisible();
  await expect(row(page, /\/json/)).toHaveCount(0);

  await search.fill("is:nothing");
  await expect(page.getByRole("alert")).toContainText("nothing");
});

test("a chip is a filter, and a filter can be kept", async ({ page, world }) => {
  await world.visit("/json");
  await world.visit("/broken");
  await page.goto(world.page);
  await page.getByRole("button", { name: "5xx" }).click();
  await expect(row(page, /\/broken/)).toBeVisible();
  await expect(row(page, /\/json/)).toHaveCount(0);
  const search = page.getByRole("combobox", { name: "Search exchanges" });
  await search.fill("status:5xx path:/broken");
  await page.getByRole("button", { name: "Save filter" }).click();
  await search.fill("");
  await expect(row(page, /\/json/)).toBeVisible();
  await page.reload();
  await page.getByRole("button", { name: "status:5xx path:/broken", exact: true }).click();
  await expect(row(page, /\/json/)).toHaveCount(0);
});

test("what is read does not move when new ones come", async ({ page, world }) => {
  for (let index = 0; index < 80; index += 1) await world.visit(`/old/${index}`);
  await page.goto(world.page);
  await expect(row(page, /\/old\/79,/)).toBeVisible();
  const scroller = page.getByRole("grid").getByRole("rowgroup").nth(1);
  await scroller.evaluate((element) => element.scrollTo({ top: 600, behavior: "instant" }));
  const reading = row(page, /\/old\/50,/);
  await expect(reading).toBeVisible();
  const before = await reading.boundingBox();
  for (let index = 0; index < 5; index += 1) await world.visit(`/new/${index}`);
  const pill = page.getByRole("button", { name: "5 new" });
  await expect(pill).toBeVisible();
  expect(await reading.boundingBox()).toEqual(before);
  await pill.click();
  await expect(row(page, /\/new\/4,/)).toBeVisible();
  await expect(pill).toHaveCount(0);
});

test("an exchange that is gone says so", async ({ page, world }) => {
  await page.goto(`${world.page}/#/exchanges/999`);
  await expect(page.getByRole("region", { name: "Exchange 999" })).toContainText(/999/);
  await expect(page.getByRole("button", { name: "Try again" })).toBeVisible();
});

test("the list stays usable while 5,000 exchanges come", async ({ page, world }) => {
  test.setTimeout(300_000);
  await page.goto(world.page);
  await expect(page.getByRole("heading", { name: "No exchanges yet" })).toBeVisible();
  await page.evaluate(() => {
    const times: number[] = [];
    Object.assign(window, { frameTimes: times });
    let last = performance.now();
    const tick = (now: number) => {
      times.push(now - last);
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  let next = 0;
  const visitor = async (until: number) => {
    while (next < until) {
      next += 1;
      await world.visit(`/live/${next}`);
    }
  };
  for (let thousands = 1; thousands <= 5; thousands += 1) {
    await Promise.all(Array.from({ length: 8 }, () => visitor(thousands * 1000)));
    // On a busy machine the engine would leave out what waits for too long to be stored.
    const all = new RegExp(`^${thousands}\\s?000 exchanges$`);
    await expect(page.getByRole("status").filter({ hasText: "exchanges" })).toHaveText(all, {
      timeout: 60_000,
    });
  }
  await expect(row(page, /\/live\//).first()).toBeVisible();
  const times = await page.evaluate(() => (window as unknown as { frameTimes: number[] }).frameTimes);
  times.sort((a, b) => a - b);
  const share = (part: number) => (times[Math.floor(times.length * part)] ?? 0).toFixed(0);
  console.log(`frames: ${times.length}, p50 ${share(0.5)} ms, p95 ${share(0.95)} ms, p99 ${share(0.99)} ms`);
  // How fast depends on the machine; that only what is in sight is drawn does not.
  expect(await page.getByRole("grid").getByRole("row").count()).toBeLessThan(80);
});

test("an exchange is pinned, noted and deleted", async ({ page, world }) => {
  await world.visit("/json");
  await page.goto(world.page);
  await row(page, /\/json/).click();
  await page.getByRole("button", { name: /^Pin:/ }).click();
  await expect(row(page, /\/json.*pinned/)).toBeVisible();
  await page.getByRole("button", { name: "Add a note" }).click();
  await page.getByRole("textbox", { name: "Note" }).fill("the odd one");
  await page.getByRole("button", { name: "Save note" }).click();
  await view(page, "Overview");
  await expect(page.getByText("the odd one")).toBeVisible();
  await chooseForOpen(page, "Delete");
  await expect(page.getByRole("heading", { name: "No exchanges yet" })).toBeVisible();
});

test("a webhook's event and a GraphQL operation stand in the list, and are filtered by name", async ({
  page,
  world,
}) => {
  const json = { "content-type": "application/json" };
  await world.visit("/hook", { body: "{}", headers: { ...json, "x-github-event": "pull_request" } });
  await world.visit("/graphql", { body: '{"query":"query Orders { orders { id } }"}', headers: json });
  await page.goto(world.page);
  await expect(row(page, /POST \/hook, 200, .*pull_request/)).toBeVisible();
  await expect(row(page, /POST \/graphql, 200, .*Orders/)).toContainText("Orders");
  await page.getByRole("combobox", { name: "Search exchanges" }).fill("name:orders");
  await expect(row(page, /POST \/hook/)).toHaveCount(0);
  await row(page, /Orders/).click();
  await view(page, "Overview");
  await expect(page.getByRole("definition").filter({ hasText: "Orders" })).toBeVisible();
});

test.describe("where the host is rewritten", () => {
  test.use({
    worldOptions: {
      command: (world: World) => [
        "http",
        String(world.service.port),
        ...["--name", "shop", "--host-header", "rewrite"],
      ],
    },
  });

  test("the head that came is shown, and what the service got in its place", async ({ page, world }) => {
    await world.visit("/json");
    await page.goto(world.page);
    await row(page, /\/json/).click();
    await view(page, "Request");
    const tab = page.getByRole("tabpanel");
    await expect(
      tab.getByText(new RegExp(`^− host: shop\\.localhost:${world.gatewayPort}$`, "i")),
    ).toBeVisible();
    await expect(tab.getByText(new RegExp(`^\\+ host: .*:${world.service.port}$`, "i"))).toBeVisible();
  });
});

test("trailers stand behind the body", async ({ page, world }) => {
  await world.visit("/trailers", { headers: { te: "trailers" } });
  await page.goto(world.page);
  await row(page, /\/trailers/).click();
  await view(page, "Response");
  await expect(page.getByRole("heading", { name: "Trailers (1)" })).toBeVisible();
  await expect(page.getByRole("definition").filter({ hasText: "c0ffee" })).toBeVisible();
});
