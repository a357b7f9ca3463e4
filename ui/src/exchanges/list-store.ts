import { api } from "@/api/client";
import { onExchanges } from "@/api/live";
import type { Summary } from "@/api/types";
import { arrived, EMPTY, first, type ListState, older, refreshed, shown, without } from "./list-state";

/** Rows of one page: several screens. */
const PAGE = 200;
/** Told rows are drawn together, at most so often, in milliseconds: faster than anybody reads. */
const DRAW_EVERY_MS = 120;
/** With a filter, only the engine knows what matches: it is asked again at most so often, in milliseconds. */
const ASK_EVERY_MS = 700;

export interface ListView extends ListState {
  loading: boolean;
  loadingOlder: boolean;
  error: unknown;
}

/** The list under one filter, live until it is stopped. */
export class ListStore {
  view: ListView;
  private readonly listeners = new Set<() => void>();
  private readonly stopped = new AbortController();
  private told: Summary[] = [];
  /** Told since the engine was asked: its answer may be older. */
  private meanwhile: Summary[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private askAgain = false;
  private asking = false;
  private hold = false;

  /** `before` is shown until the first answer: a list that is empty for a moment flickers. */
  constructor(
    private readonly filter: string,
    before: ListState = EMPTY,
  ) {
    this.view = { ...before, loading: true, loadingOlder: false, error: null };
  }

  start(): () => void {
    const stop = onExchanges({ told: (row) => this.hear(row), again: () => this.plan(true) });
    this.reload();
    return () => {
      stop();
      clearTimeout(this.timer);
      this.stopped.abort();
    };
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = (): ListView => this.view;

  /** While held, new rows wait. */
  setHold(hold: boolean): void {
    this.hold = hold;
    if (!hold) this.set(shown(this.view));
  }

  async reload(): Promise<void> {
    this.set({ loading: true, error: null });
    await this.ask((page) => first(page));
  }

  async loadOlder(): Promise<void> {
    const before = this.view.nextBefore;
    if (before === null || this.view.loadingOlder) return;
    this.set({ loadingOlder: true });
    try {
      const page = await api.exchanges(this.filter, PAGE, before, this.stopped.signal);
      this.set({ ...older(this.view, page), loadingOlder: false });
    } catch (error) {
      this.set({ loadingOlder: false, error });
    }
  }

  /** A change made here, shown before the engine tells of it. */
  put(row: Summary): void {
    this.set(arrived(this.view, [row], this.hold));
  }

  drop(id: number): void {
    this.set(without(this.view, id));
  }

  private hear(row: Summary): void {
    if (this.filter === "") this.told.push(row);
    else this.askAgain = true;
    this.plan(false);
  }

  private plan(ask: boolean): void {
    this.askAgain ||= ask;
    this.timer ??= setTimeout(() => this.flush(), this.askAgain ? ASK_EVERY_MS : DRAW_EVERY_MS);
  }

  private flush(): void {
    this.timer = undefined;
    const told = this.told;
    this.told = [];
    if (told.length > 0) this.set(arrived(this.view, told, this.hold));
    if (this.asking) this.meanwhile.push(...told);
    if (!this.askAgain) return;
    // One question at a time; what comes meanwhile asks once more.
    if (this.asking) {
      this.plan(true);
      return;
    }
    this.askAgain = false;
    this.ask((page) => refreshed(this.view, page, this.hold));
  }

  private async ask(take: (page: Awaited<ReturnType<typeof api.exchanges>>) => ListState): Promise<void> {
    this.asking = true;
    try {
      const page = await api.exchanges(this.filter, PAGE, undefined, this.stopped.signal);
      this.set({ ...arrived(take(page), this.meanwhile, this.hold), loading: false, error: null });
    } catch (error) {
      this.set({ loading: false, error });
    } finally {
      this.asking = false;
      this.meanwhile = [];
    }
  }

  private set(change: Partial<ListView>): void {
    if (this.stopped.signal.aborted) return;
    this.view = { ...this.view, ...change };
    for (const listener of this.listeners) listener();
  }
}
