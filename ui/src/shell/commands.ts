/** Something the palette can do. */
export interface Command {
  label: string;
  /** Shown behind, and searched too. */
  about?: string;
  keys?: string;
  act: () => void;
}

/** The commands that have all letters of what was typed, in order; the tighter the better. */
export function matching(commands: readonly Command[], typed: string): Command[] {
  const scored = commands.flatMap((command) => {
    const spread = fit(`${command.label} ${command.about ?? ""}`.toLowerCase(), typed.trim().toLowerCase());
    return spread === null ? [] : [{ command, spread }];
  });
  return scored.sort((a, b) => a.spread - b.spread).map((one) => one.command);
}

/** How far the letters lie apart in the text, or null where they are not all there. */
function fit(text: string, letters: string): number | null {
  const whole = text.indexOf(letters);
  if (whole >= 0) return whole / 1000;
  let at = -1;
  let spread = 1;
  for (const letter of letters.replaceAll(" ", "")) {
    const next = text.indexOf(letter, at + 1);
    if (next < 0) return null;
    if (at >= 0) spread += next - at - 1;
    at = next;
  }
  return spread;
}
