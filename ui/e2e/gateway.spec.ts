import type { Page } from "@playwright/test";
import type { Gateway, GatewayInput, GatewayKeep, GatewayTried } from "../src/api/types";
import { expect, faults, test } from "./test";

/** An engine that a command has started takes no other gateway: these answers are those of the app's. */
const FRESH: Gateway = { kind: "trial", chosen: false, changeable: true, trial_available: true };

/** Answers for the engine, and keeps what it is asked. */
async function stand(page: Page, gateway: Gateway, tried: (input: GatewayInput) => GatewayTried) {
  const asked: { kept: (GatewayInput & { keep: GatewayKeep })[]; trials: number; declined: number } = {
    kept: [],
    trials: 0,
    declined: 0,
  };
  let now = gateway;
  await page.route("**/api/v1/gateway**", async (route) => {
    const request = route.request();
    const what = `${request.method()} ${new URL(request.url()).pathname.replace("/api/v1/gateway", "")}`;
    const input = request.postDataJSON();
    if (what === "GET ") return route.fulfill({ json: now });
    if (what === "POST /check") return route.fulfill({ json: tried(input) });
    if (what === "POST /trial") {
      asked.trials += 1;
      now = { ...now, chosen: true };
    } else if (what === "DELETE /offer") {
      asked.declined += 1;
      now = { ...now, offer: null };
    } else {
      asked.kept.push(input);
      if (input.keep === "keychain") {
        const json = { status: 409, code: "no-keychain", detail: "no keychain answers", fields: {} };
        return route.fulfill({ status: 409, contentType: "application/problem+json", json });
      }
      now = { ...now, kind: "configured", chosen: true, origin: "https://tunnel.example.com", offer: null };
    }
    return route.fulfill({ status: what.startsWith("DELETE") ? 204 : 202 });
  });
  return asked;
}

/** A try that ends at its token, unless that is the right one. */
function tried({ token, offer }: GatewayInput): GatewayTried {
  const ok = offer === true || token === "right";
  const before = (["name", "reach", "tls", "gateway"] as const).map((step) => ({
    step,
    outcome: "ok" as const,
    message: "fine",
  }));
  const message = "the gateway does not know this token: make another";
  return {
    gateway: "https://tunnel.example.com",
    ok,
    steps: [
      ...before,
      ok
        ? { step: "token", outcome: "ok", message: "accepted" }
        : { step: "token", outcome: "problem", code: "token-invalid", message },
      { step: "version", outcome: ok ? "ok" : "skipped", message: "" },
    ],
  };
}

test.describe("with the engine that a service runs", () => {
  test.use({ worldOptions: { command: () => ["up", "--listen", "127.0.0.1:0"] } });

  test("a gateway that a command has named is shown, with what to do for another", async ({
    page,
    world,
  }) => {
    await page.goto(`${world.page}/#/settings`);
    await page.getByRole("link", { name: "Use another…" }).click();
    await expect(page.getByRole("heading", { name: "Gateway", exact: true })).toBeVisible();
    await expect(page.getByText(`http://localhost:${world.gatewayPort}`, { exact: true })).toBeVisible();
    await expect(page.getByRole("note")).toContainText("porthole");
    await expect(page.getByRole("button", { name: "Connect" })).toHaveCount(0);
    expect(await faults(page)).toEqual([]);
  });

  test("on the first run a gateway is connected to, each step told, and the ports come next", async ({
    page,
    world,
  }) => {
    const asked = await stand(page, FRESH, tried);
    await page.goto(world.page);
    await expect(page.getByRole("heading", { name: "Where is your gateway?" })).toBeVisible();
    expect(await faults(page)).toEqual([]);
    await page.getByRole("button", { name: "Connect" }).click();
    await expect(page.getByText(/^✕ Write a URL such as/)).toBeVisible();
    await page.getByRole("textbox", { name: "Gateway" }).fill("https://tunnel.example.com");
    await page.getByRole("button", { name: "Connect" }).click();
    await expect(page.getByText(/^✕ Paste the token/)).toBeVisible();
    await page.getByLabel("Token").fill("wrong");
    await page.getByRole("button", { name: "Connect" }).click();
    const steps = page.getByRole("list", { name: "Steps to https://tunnel.example.com" });
    await expect(steps.getByRole("listitem")).toHaveCount(6);
    await expect(steps.getByText("the gateway does not know this token: make another")).toBeVisible();
    await expect(steps.getByRole("listitem").last()).toContainText("not tried");
    expect(asked.kept).toEqual([]);
    expect(await faults(page)).toEqual([]);

    await page.getByLabel("Token").fill("right");
    await page.getByRole("button", { name: "Connect" }).click();
    await expect(page.getByRole("group", { name: "Where is the token kept?" })).toBeVisible();
    expect(await faults(page)).toEqual([]);
    await page.getByRole("button", { name: "In a file that only I can read" }).click();
    await expect(page.getByRole("heading", { name: "No exchanges yet" })).toBeVisible();
    await expect(page.getByRole("listitem").filter({ hasText: String(world.service.port) })).toBeVisible();
    const given = { gateway: "https://tunnel.example.com", token: "right" };
    expect(asked.kept).toEqual([
      { ...given, keep: "keychain" },
      { ...given, keep: "file" },
    ]);
  });

  test("on the first run it is tried on this computer with a click", async ({ page, world }) => {
    const asked = await stand(page, FRESH, tried);
    await page.goto(world.page);
    await page.getByRole("button", { name: "Try it here" }).click();
    await expect(page.getByRole("heading", { name: "No exchanges yet" })).toBeVisible();
    await expect(page.getByRole("link", { name: "Connect to a gateway of your own" })).toBeVisible();
    expect(asked.trials).toBe(1);
  });

  test("a link that was clicked does nothing without a yes", async ({ page, world }) => {
    const offer = { gateway: "https://tunnel.example.com", has_token: true };
    const asked = await stand(page, { ...FRESH, chosen: true, offer }, tried);
    await page.goto(`${world.page}/#/gateway`);
    await expect(page.getByText("Connect to https://tunnel.example.com?")).toBeVisible();
    expect(await faults(page)).toEqual([]);
    await page.getByRole("button", { name: "No, thanks" }).click();
    await expect(page.getByRole("heading", { name: "A link was opened" })).toHaveCount(0);
    expect([asked.declined, asked.kept]).toEqual([1, []]);
  });

  test("the app's tray leads to a mapping's QR code and to a form with the port in it", async ({
    page,
    world,
  }) => {
    const added = await world.api("/mappings", {
      method: "POST",
      body: JSON.stringify({ target: String(world.service.port), name: "shop" }),
    });
    const { id } = (await added.json()) as { id: string };
    await page.goto(`${world.page}/#/mappings?qr=${id}`);
    const url = `http://shop.localhost:${world.gatewayPort}`;
    await expect(page.getByRole("img", { name: `QR code of ${url}` })).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await page.goto(`${world.page}/#/mappings?expose=3000`);
    await expect(page.getByRole("dialog").getByRole("textbox", { name: "Target" })).toHaveValue("3000");
    await page.getByRole("button", { name: "Cancel" }).click();
    await expect(page.getByRole("dialog")).toHaveCount(0);
    expect(new URL(page.url()).hash).toBe("#/mappings");
  });
});
