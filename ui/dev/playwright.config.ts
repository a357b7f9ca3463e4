import { defineConfig } from "@playwright/test";
import base from "../playwright.config.ts";

const PORT = 4174;

/** `npm run screenshots`: the main screens with made-up exchanges, into screenshots/. */
export default defineConfig({
  ...base,
  testDir: ".",
  outputDir: "../node_modules/.playwright",
  use: { ...base.use, baseURL: `http://127.0.0.1:${PORT}` },
  webServer: {
    command: `npm run build && npx vite preview --host 127.0.0.1 --port ${PORT} --strictPort`,
    cwd: "..",
    port: PORT,
  },
});
