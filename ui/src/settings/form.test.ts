import { expect, it } from "vitest";
import { formOf, read } from "./form";

const settings = {
  keep_days: 7,
  keep_exchanges: 100_000,
  keep_bytes: 1024 ** 3,
  body_bytes: 2 * 1024 ** 2,
  capture: true,
};

it("gives back what it was given, with what it does not know", () => {
  const more = { ...settings, later: 1 };
  expect(read(formOf(more), more)).toEqual({ settings: more });
});

it("reads sizes in MiB and says which field is no number", () => {
  const form = formOf(settings);
  expect(read({ ...form, body_bytes: "0.5" }, settings)).toMatchObject({
    settings: { body_bytes: 512 * 1024 },
  });
  const wrong = read({ ...form, keep_days: "-1", keep_bytes: "much" }, settings);
  expect(Object.keys("errors" in wrong ? wrong.errors : {})).toEqual(["keep_days", "keep_bytes"]);
});
