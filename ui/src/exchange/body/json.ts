/**
 * JSON as it was written: numbers keep their digits (an id of 19 digits is not rounded), names their
 * order and repeats. `JSON.parse` loses both.
 */
export type Json =
  | { kind: "object"; members: [name: string, value: Json][] }
  | { kind: "array"; elements: Json[] }
  | { kind: "string"; value: string }
  | { kind: "number"; raw: string }
  | { kind: "word"; raw: "true" | "false" | "null" };

/** Deeper than this, a text is shown as it is: far beyond what anybody writes, short of the stack. */
export const MAX_DEPTH = 500;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is they that may not stand in a string
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\n\r]*/y;

/** The value, or null where the text is no JSON. */
export function parseJson(text: string): Json | null {
  const reader = new Reader(text.startsWith("\ufeff") ? text.slice(1) : text);
  const value = reader.value(0);
  return value && reader.atEnd() ? value : null;
}

class Reader {
  private at = 0;
  constructor(private readonly text: string) {}

  atEnd(): boolean {
    this.skip();
    return this.at === this.text.length;
  }

  value(depth: number): Json | null {
    this.skip();
    if (depth > MAX_DEPTH) return null;
    switch (this.text[this.at]) {
      case "{":
        return this.object(depth);
      case "[":
        return this.array(depth);
      case '"': {
        const value = this.string();
        return value === null ? null : { kind: "string", value };
      }
      default:
        return this.plain();
    }
  }

  private object(depth: number): Json | null {
    const members: [string, Json][] = [];
    this.at += 1;
    if (this.takes("}")) return { kind: "object", members };
    for (;;) {
      this.skip();
      const name = this.string();
      if (name === null || !this.takes(":")) return null;
      const value = this.value(depth + 1);
      if (!value) return null;
      members.push([name, value]);
      if (this.takes("}")) return { kind: "object", members };
      if (!this.takes(",")) return null;
    }
  }

  private array(depth: number): Json | null {
    const elements: Json[] = [];
    this.at += 1;
    if (this.takes("]")) return { kind: "array", elements };
    for (;;) {
      const value = this.value(depth + 1);
      if (!value) return null;
      elements.push(value);
      if (this.takes("]")) return { kind: "array", elements };
      if (!this.takes(",")) return null;
    }
  }

  private plain(): Json | null {
    for (const raw of ["true", "false", "null"] as const) {
      if (this.text.startsWith(raw, this.at)) {
        this.at += raw.length;
        return { kind: "word", raw };
      }
    }
    const raw = this.match(NUMBER);
    return raw ? { kind: "number", raw } : null;
  }

  private string(): string | null {
    const raw = this.match(STRING);
    return raw === null ? null : (JSON.parse(raw) as string);
  }

  private takes(char: string): boolean {
    this.skip();
    if (this.text[this.at] !== char) return false;
    this.at += 1;
    return true;
  }

  private skip(): void {
    this.match(SPACE);
  }

  private match(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (!found) return null;
    this.at += found[0].length;
    return found[0];
  }
}

/** A step of a path: `.name` where that is plain, `['odd name']` or `[3]` otherwise. */
export function step(key: string | number): string {
  if (typeof key === "number") return `[${key}]`;
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) ? `.${key}` : `['${key.replace(/[\\']/g, "\\$&")}']`;
}

/** The value as JSON again, indented by two. */
export function writeJson(value: Json, indent = ""): string {
  const inner = `${indent}  `;
  switch (value.kind) {
    case "string":
      return JSON.stringify(value.value);
    case "number":
    case "word":
      return value.raw;
    case "array": {
      if (value.elements.length === 0) return "[]";
      return `[\n${value.elements.map((one) => inner + writeJson(one, inner)).join(",\n")}\n${indent}]`;
    }
    case "object": {
      if (value.members.length === 0) return "{}";
      const lines = value.members.map(
        ([name, one]) => `${inner}${JSON.stringify(name)}: ${writeJson(one, inner)}`,
      );
      return `{\n${lines.join(",\n")}\n${indent}}`;
    }
  }
}
