/** Longest line drawn as one, in characters; minified code is cut into several. */
export const MAX_LINE = 400;

export interface SourceLine {
  /** Its number, or null where it goes on. */
  number: number | null;
  text: string;
}

/** A text as lines to draw. */
export function sourceLines(text: string): SourceLine[] {
  const lines: SourceLine[] = [];
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    for (let at = 0; at === 0 || at < line.length; at += MAX_LINE) {
      lines.push({ number: at === 0 ? index + 1 : null, text: line.slice(at, at + MAX_LINE) });
    }
  }
  if (lines.length > 1 && lines.at(-1)?.text === "") lines.pop();
  return lines;
}
