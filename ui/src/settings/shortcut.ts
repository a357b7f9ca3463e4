import type { ShortcutStanding } from "@/api/host";

/** What of a pressed key matters here. */
export interface Pressed {
  key: string;
  code: string;
  ctrlKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  metaKey: boolean;
}

/** The combination as the engine writes it; none while it is not whole, or would swallow a key that is typed. */
export function combination({ code, ctrlKey, altKey, shiftKey, metaKey }: Pressed): string | undefined {
  const key = /^(?:Key([A-Z])|Digit([0-9])|(F(?:[1-9]|1[0-2]))|(Space))$/.exec(code)?.slice(1).find(Boolean);
  if (!key || !(ctrlKey || altKey || metaKey)) return undefined;
  const modifiers = [ctrlKey && "Ctrl", altKey && "Alt", shiftKey && "Shift", metaKey && "Super"];
  return [...modifiers.filter(Boolean), key].join("+");
}

/** What is to know about it. */
export function help(standing: ShortcutStanding): string {
  switch (standing.state) {
    case "off":
      return "Press the keys that shall open this window from anywhere; Delete: none.";
    case "held":
      return "These keys open this window from anywhere; Delete: none.";
    case "refused":
      return `They do not open it: ${standing.why}.`;
    case "absent":
      return "This session gives no keys to programs, as under Wayland. Give one to the command porthole-desktop in the system's keyboard settings.";
  }
}
