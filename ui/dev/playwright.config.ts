import { defineConfig } from "@playwright/test";
import base from "../playwright.config.ts";

/** `npm run screenshots`: the main screens of a real engine, into screenshots/. */
export default defineConfig({
  ...base,
  testDir: ".",
  outputDir: "../node_modules/.playwright",
  // At most 150 KiB a picture.
  use: { ...base.use, viewport: { width: 1280, height: 750 } },
});
