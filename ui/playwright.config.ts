import { defineConfig } from "@playwright/test";

/** A real browser against real programs: `cargo build` first, then `npm run e2e`. */
export default defineConfig({
  testDir: "e2e",
  outputDir: "node_modules/.playwright",
  // Each test starts an engine and a gateway; more at once only make each other slow.
  workers: 1,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    viewport: { width: 1280, height: 800 },
    colorScheme: "dark",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      // A container's root has no sandbox; nothing here leaves this computer.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    },
  },
});
