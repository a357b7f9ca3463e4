import { useEffect, useRef } from "react";

/** Handlers by key: `j`, `Enter`, `?`, `Mod+k` (Ctrl, or Cmd on a Mac). */
export type KeyMap = Record<string, (event: KeyboardEvent) => void>;

/** The key as [`KeyMap`] names it. */
export function keyName(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">): string {
  const mod = event.ctrlKey || event.metaKey ? "Mod+" : "";
  return mod + (event.altKey ? "Alt+" : "") + event.key;
}

/** Listens for keys, but not while somebody types, nor behind a dialog or a menu (unless `Mod+` is held). */
export function useKeys(map: KeyMap, on = true): void {
  const latest = useRef(map);
  useEffect(() => {
    latest.current = map;
  });
  useEffect(() => {
    if (!on) return;
    const listener = (event: KeyboardEvent) => {
      const name = keyName(event);
      const act = latest.current[name];
      if (!act || event.defaultPrevented) return;
      if (presses(event)) return;
      const plain = !name.startsWith("Mod+");
      if (plain && (types(event.target) || document.querySelector("[role=dialog], [role=menu]"))) return;
      act(event);
      event.preventDefault();
    };
    window.addEventListener("keydown", listener);
    return () => window.removeEventListener("keydown", listener);
  }, [on]);
}

/** Whether keys pressed in there write something, or choose something of its own. */
function types(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null
  );
}

/** Whether the key presses the button, or follows the link, that has the focus. */
function presses({ key, target }: KeyboardEvent): boolean {
  if (key !== " " && key !== "Enter") return false;
  return target instanceof HTMLElement && target.closest("button, a[href], summary, [role=tab]") !== null;
}
