import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type ProxyOptions } from "vite";
import { fakeApi } from "./dev/fake-api.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * The engine that `npm run dev` talks to, such as http://127.0.0.1:4040, with the key from the file
 * `api-key` in its data folder; without one, made-up exchanges (dev/).
 */
const engine = process.env.PORTHOLE_ENGINE;
const key = process.env.PORTHOLE_API_KEY ?? "";

const proxy: ProxyOptions = {
  target: engine,
  changeOrigin: true,
  configure: (server) =>
    server.on("proxyReq", (request) => {
      // The engine answers its own origin only; programs come with the key.
      request.setHeader("authorization", `Bearer ${key}`);
      for (const name of ["origin", "referer", "sec-fetch-site"]) request.removeHeader(name);
    }),
};

export default defineConfig({
  plugins: [react(), tailwindcss(), ...(engine ? [] : [fakeApi()])],
  resolve: {
    alias: {
      "@": at("./src"),
      // It writes a <style> element, which our content security policy refuses; see the file.
      "react-remove-scroll": at("./src/parts/no-scroll-lock.tsx"),
    },
  },
  // Nothing becomes a data: URL, so that the policy need not allow them for scripts and fonts.
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 900 },
  server: engine ? { proxy: { "/api": proxy } } : {},
  preview: engine ? { proxy: { "/api": proxy } } : {},
});
