import { expect, it } from "vitest";
import { onlyHere } from "./url";

it("tells URLs that lead nowhere on another computer", () => {
  for (const url of ["http://localhost:8080", "http://shop.localhost/a", "tcp://localhost:20000"])
    expect(onlyHere(url)).toBe(true);
  for (const url of [
    "https://shop.example.com/localhost",
    "https://localhost.example.com",
    "https://mylocalhost",
  ])
    expect(onlyHere(url)).toBe(false);
});
