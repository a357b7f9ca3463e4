import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Where `cargo build` puts the programs, unless PORTHOLE_BIN says otherwise. */
const FOLDER = process.env.PORTHOLE_BIN ?? fileURLToPath(new URL("../../target/debug", import.meta.url));
/** A program that has not said what was waited for by then never will, in milliseconds. */
const PATIENCE_MS = 20_000;
/** Lines of output kept, for when something goes wrong. */
const KEPT_LINES = 500;

/** A running program whose lines can be waited for. */
export class Program {
  readonly lines: string[] = [];
  private readonly child: ChildProcess;
  private readonly waiting = new Set<() => void>();
  private ended = false;

  constructor(
    private readonly name: string,
    args: string[],
    environment: Record<string, string>,
    /** A command that starts the program, given after it. */
    through: string[] = [],
  ) {
    const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith("PORTHOLE_"));
    const [command = "", ...rest] = [...through, `${FOLDER}/${name}`, ...args];
    this.child = spawn(command, rest, {
      env: { ...Object.fromEntries(inherited), ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream) createInterface(stream).on("line", (line) => this.hear(line));
    }
    this.child.on("exit", () => {
      this.ended = true;
      this.wake();
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** The first line for which `found` has an answer. */
  async line<T>(what: string, found: (line: string) => T | null | undefined): Promise<T> {
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      for (const line of this.lines) {
        const answer = found(line);
        if (answer !== null && answer !== undefined) return answer;
      }
      if (this.ended || Date.now() > until) {
        throw new Error(`${this.name} did not say ${what}:\n${this.lines.join("\n")}`);
      }
      await new Promise<void>((resolve) => {
        this.waiting.add(resolve);
        setTimeout(resolve, 1000);
      });
    }
  }

  /** The first JSON line of this event. */
  event(name: string): Promise<Record<string, string>> {
    return this.line(`the event ${name}`, (line) => {
      if (!line.startsWith("{")) return null;
      const told = JSON.parse(line) as Record<string, string>;
      return told.event === name ? told : null;
    });
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.ended) return;
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill(signal);
    const late = setTimeout(() => this.child.kill("SIGKILL"), PATIENCE_MS);
    await gone;
    clearTimeout(late);
  }

  private hear(line: string): void {
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.shift();
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}
