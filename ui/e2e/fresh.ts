import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));

/**
 * With FRESH_PAGE=1 the browser gets the page from `dist/` instead of the one that was built into the
 * program, so that trying a change of the page takes no build of Rust. Cookies and the content security
 * policy stay the program's.
 */
export async function freshPage(page: Page): Promise<void> {
  if (!process.env.FRESH_PAGE) return;
  await page.route(
    (url) => !url.pathname.startsWith("/api/"),
    async (route) => {
      const { pathname } = new URL(route.request().url());
      const path = `${DIST}${pathname === "/" ? "/index.html" : pathname}`;
      if (!existsSync(path)) return route.continue();
      const response = await route.fetch({ url: route.request().url().replace(pathname, "/") });
      const types = { js: "text/javascript", css: "text/css", svg: "image/svg+xml", html: "text/html" };
      const type = Object.entries(types).find(([end]) => path.endsWith(end))?.[1];
      await route.fulfill({ response, path, ...(type ? { contentType: type } : {}) });
    },
  );
}
