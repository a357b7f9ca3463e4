import { useCallback, useRef, useState } from "react";
import { Problem, sentence } from "@/api/problem";
import type { Summary } from "@/api/types";
import { exchangeCommands } from "@/exchange/commands";
import { ExchangePane } from "@/exchange/pane";
import { useActions } from "@/exchange/use-actions";
import { useKeys } from "@/lib/keys";
import { useLatest } from "@/lib/latest";
import { go, useRoute } from "@/lib/route";
import { Failed, Loading } from "@/parts/states";
import { useOffer } from "@/shell/offered";
import { Chips } from "./chips";
import { DropZone } from "./drop-zone";
import { FirstRun } from "./first-run";
import { List } from "./list";
import { MarksBar } from "./marks-bar";
import { NoHits } from "./no-hits";
import type { Pick } from "./row";
import { SearchBox } from "./search";
import { Toolbar } from "./toolbar";
import { useImport } from "./use-import";
import { useList } from "./use-list";
import { useMarked } from "./use-marked";

/** The list with what is open beside it. */
export function ExchangesScreen() {
  const { id, filter } = useRoute();
  const [store, view] = useList(filter);
  const [tab, setTab] = useState("overview");
  /** What the open one is compared with. */
  const [compareWith, setCompareWith] = useState<number | null>(null);
  const search = useRef<HTMLInputElement>(null);
  const { rows } = view;
  const at = id === null ? -1 : rows.findIndex((row) => row.id === id);
  const current = rows[at];

  const setFilter = useCallback((text: string) => go({ filter: text, id: null }), []);
  const marked = useMarked(store, rows, (before, after) => {
    setCompareWith(before.id);
    setTab("diff");
    go({ id: after.id });
  });
  const pick = useLatest((row: Summary, how: Pick) => {
    if (how === "range") return marked.range(id, row.id);
    if (how === "mark") {
      // As in any list, what is open is one of those that are chosen.
      if (marked.ids.size === 0 && current && current.id !== row.id) marked.toggle(current.id);
      return marked.toggle(row.id);
    }
    marked.clear();
    setCompareWith(null);
    go({ id: row.id }, id !== null);
  });
  const taking = useImport(store);
  const actions = useActions(store, (shownTab) => setTab(shownTab));
  const move = (step: number) => {
    const next = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))];
    if (next) go({ id: next.id }, true);
    return next;
  };
  const extend = (step: number) => (event: KeyboardEvent) => {
    const next = move(step);
    if (next && event.shiftKey) marked.range(id, next.id);
  };
  const withCurrent = (act: (row: Summary) => void) => () => current && act(current);
  const compare = (row: Summary) => {
    if (compareWith === row.id) setCompareWith(null);
    setTab("diff");
  };
  useOffer(current ? exchangeCommands(current, actions, () => compare(current)) : []);
  const some = marked.rows.length > 0;
  useKeys({
    j: () => move(1),
    ArrowDown: extend(1),
    k: () => move(-1),
    ArrowUp: extend(-1),
    PageDown: () => move(20),
    PageUp: () => move(-20),
    Home: () => move(-rows.length),
    Enter: () => (current ? document.getElementById("exchange-pane")?.focus() : move(0)),
    Escape: () => (some ? marked.clear() : go({ id: null })),
    " ": withCurrent((row) => marked.toggle(row.id)),
    r: some ? marked.replay : withCurrent(actions.replay),
    e: withCurrent(actions.edit),
    c: withCurrent((row) => actions.copy(row, "curl")),
    d: some ? marked.compare : withCurrent(compare),
    p: some ? marked.pin : withCurrent(actions.pin),
    "/": () => search.current?.focus(),
    x: () => setFilter(""),
  });

  const badFilter = view.error instanceof Problem && view.error.code === "invalid-filter";
  const none = rows.length === 0 && view.waiting.length === 0;
  return (
    <div className="flex h-full min-h-0 flex-col">
      <h1 className="sr-only">Exchanges</h1>
      <div className="flex flex-col gap-2 border-b border-line bg-surface px-3 py-2">
        <div className="flex items-center gap-2">
          <SearchBox
            ref={search}
            filter={filter}
            onFilter={setFilter}
            error={badFilter ? sentence(view.error) : undefined}
          />
          <Toolbar store={store} filter={filter} total={view.total} taking={taking} />
        </div>
        <div className="min-h-6">
          {some ? <MarksBar marked={marked} /> : <Chips filter={filter} onFilter={setFilter} />}
        </div>
      </div>
      <div className="flex min-h-0 flex-1 max-lg:flex-col">
        <DropZone className="min-h-0 min-w-0 flex-1 bg-surface" onFiles={taking.take}>
          {view.loading && none ? (
            <Loading what="Reading exchanges" />
          ) : view.error && !badFilter && none ? (
            <Failed error={view.error} retry={() => store.reload()} />
          ) : none ? (
            filter === "" ? (
              <FirstRun />
            ) : (
              <NoHits filter={filter} onClear={() => setFilter("")} />
            )
          ) : (
            <List store={store} view={view} selected={id} marked={marked.ids} onPick={pick} />
          )}
        </DropZone>
        {id !== null && (
          <ExchangePane
            id={id}
            tab={tab}
            onTab={setTab}
            compareWith={compareWith}
            onCompareWith={setCompareWith}
            actions={actions}
            onClose={() => go({ id: null })}
          />
        )}
      </div>
      {actions.dialog}
    </div>
  );
}
