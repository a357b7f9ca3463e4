import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const folder = fileURLToPath(new URL(".", import.meta.url));
const sources = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((path) => /\.tsx?$/.test(path) && !path.endsWith(".test.ts"))
  .map((path) => ({ path: path.replaceAll("\\", "/"), text: readFileSync(folder + path, "utf8") }));

/** The files in which this stands. */
const where = (pattern: RegExp) => sources.filter(({ text }) => pattern.test(text)).map(({ path }) => path);

describe("the page's house", () => {
  it("knows only within src/api how the engine is reached", () => {
    expect(sources.length).toBeGreaterThan(50);
    const outside = where(/@tauri-apps|\bfetch\(|new EventSource|XMLHttpRequest|new WebSocket/);
    expect(outside.filter((path) => !path.startsWith("api/"))).toEqual([]);
  });

  it("never makes markup or scripts out of text", () => {
    expect(
      where(/dangerouslySetInnerHTML|\.innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(/),
    ).toEqual([]);
  });

  it("frames captured pages in one place only, and lets them do nothing", () => {
    expect(where(/<iframe/)).toEqual(["exchange/body/preview-view.tsx"]);
    expect(where(/sandbox=""/)).toEqual(["exchange/body/preview-view.tsx"]);
    expect(where(/srcDoc/)).toEqual([]);
  });

  it("has a lockfile that names no registry", () => {
    expect(readFileSync(`${folder}../package-lock.json`, "utf8")).not.toContain('"resolved"');
  });
});
