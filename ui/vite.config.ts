import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { fakeApi } from "./dev/fake-api.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The engine that `npm run dev` talks to; `fake` answers with made-up exchanges instead. */
const engine = process.env.PORTHOLE_ENGINE ?? "fake";

export default defineConfig({
  plugins: [react(), tailwindcss(), ...(engine === "fake" ? [fakeApi()] : [])],
  resolve: {
    alias: {
      "@": at("./src"),
      // It writes a <style> element, which our content security policy refuses; see the file.
      "react-remove-scroll": at("./src/parts/no-scroll-lock.tsx"),
    },
  },
  // Nothing becomes a data: URL, so that the policy need not allow them for scripts and fonts.
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 900 },
  server: engine === "fake" ? {} : { proxy: { "/api": { target: engine, changeOrigin: true } } },
});
