import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin, type ProxyOptions } from "vite";
import { Day } from "./dev/day.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * The engine that `npm run dev` talks to: PORTHOLE_ENGINE, such as http://127.0.0.1:4040, with the key from
 * the file `api-key` in its data folder as PORTHOLE_API_KEY; without one, an engine of its own with a day of
 * traffic (dev/day.ts), which takes a `cargo build` first.
 */
async function engine(): Promise<{ proxy: Record<string, ProxyOptions>; plugins: Plugin[] }> {
  const { PORTHOLE_ENGINE: target, PORTHOLE_API_KEY: key = "" } = process.env;
  if (target) return { proxy: { "/api": proxy(target, key) }, plugins: [] };
  const day = await Day.start();
  const end: Plugin = {
    name: "end-of-day",
    configureServer: ({ httpServer }) => void httpServer?.on("close", () => day.stop()),
  };
  return { proxy: { "/api": proxy(day.world.page, await day.world.key()) }, plugins: [end] };
}

function proxy(target: string, key: string): ProxyOptions {
  return {
    target,
    changeOrigin: true,
    configure: (server) =>
      server.on("proxyReq", (request) => {
        // The engine answers its own origin only; programs come with the key.
        request.setHeader("authorization", `Bearer ${key}`);
        for (const name of ["origin", "referer", "sec-fetch-site"]) request.removeHeader(name);
      }),
  };
}

export default defineConfig(async ({ command }) => {
  const served = command === "serve" ? await engine() : { proxy: {}, plugins: [] };
  return {
    plugins: [react(), tailwindcss(), ...served.plugins],
    resolve: {
      alias: {
        "@": at("./src"),
        // It writes a <style> element, which our content security policy refuses; see the file.
        "react-remove-scroll": at("./src/parts/no-scroll-lock.tsx"),
      },
    },
    // Nothing becomes a data: URL, so that the policy need not allow them for scripts and fonts.
    build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 900 },
    server: { proxy: served.proxy },
  };
});
