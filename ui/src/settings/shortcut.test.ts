import { expect, it } from "vitest";
import { combination } from "./shortcut";

const none = { key: "", ctrlKey: false, altKey: false, shiftKey: false, metaKey: false };

it("reads keys with their modifiers, by where they are and not by what they type", () => {
  const pressed = { ...none, key: "π", code: "KeyP", ctrlKey: true, altKey: true };
  expect(combination(pressed)).toBe("Ctrl+Alt+P");
  expect(combination({ ...none, code: "F12", shiftKey: true, metaKey: true })).toBe("Shift+Super+F12");
  expect(combination({ ...none, code: "Digit0", altKey: true })).toBe("Alt+0");
});

it("takes nothing that is typed or not whole", () => {
  expect(combination({ ...none, code: "KeyP" })).toBeUndefined();
  expect(combination({ ...none, code: "KeyP", shiftKey: true })).toBeUndefined();
  expect(combination({ ...none, code: "ControlLeft", ctrlKey: true })).toBeUndefined();
  expect(combination({ ...none, code: "F13", ctrlKey: true })).toBeUndefined();
});
