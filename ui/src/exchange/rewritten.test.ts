import { expect, it } from "vitest";
import { headChanges } from "./rewritten";

const text = (
  came: [string, string][],
  sent: [string, string][],
  lines = ["GET / HTTP/1.1", "GET / HTTP/1.1"],
) =>
  headChanges({ line: lines[0] ?? "", fields: came }, { line: lines[1] ?? "", fields: sent }).map(
    ({ mark, text }) => `${mark === "added" ? "+" : "-"} ${text}`,
  );

it("tells what a head lost and got on its way, by name", () => {
  const came: [string, string][] = [
    ["Host", "shop.example.com"],
    ["Accept", "*/*"],
    ["Origin", "https://shop.example.com"],
  ];
  const sent: [string, string][] = [
    ["Host", "localhost:3000"],
    ["Accept", "*/*"],
    ["Origin", "http://localhost:3000"],
    ["X-Forwarded-Host", "localhost:3000"],
  ];
  expect(text(came, sent)).toEqual([
    "- Host: shop.example.com",
    "+ Host: localhost:3000",
    "- Origin: https://shop.example.com",
    "+ Origin: http://localhost:3000",
    "+ X-Forwarded-Host: localhost:3000",
  ]);
  expect(text(came, came)).toEqual([]);
});

it("counts fields that repeat, and the line above them", () => {
  expect(
    text(
      [
        ["A", "1"],
        ["A", "1"],
      ],
      [["A", "1"]],
    ),
  ).toEqual(["- A: 1"]);
  expect(text([], [], ["GET /api/x HTTP/1.1", "GET /x HTTP/1.1"])).toEqual([
    "- GET /api/x HTTP/1.1",
    "+ GET /x HTTP/1.1",
  ]);
});
