import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowUp } from "lucide-react";
import { useEffect, useRef } from "react";
import type { Summary } from "@/api/types";
import { count } from "@/lib/format";
import { useNow } from "@/lib/now";
import { cx } from "@/parts/class";
import type { ListStore, ListView } from "./list-store";
import { COLUMNS, type Pick, ROW_HEIGHT, Row } from "./row";

/** Rows before the end at which the next page is asked for. */
const AHEAD = 60;

interface ListProps {
  store: ListStore;
  view: ListView;
  selected: number | null;
  marked: ReadonlySet<number>;
  onPick: (row: Summary, how: Pick) => void;
}

/** The exchanges as a grid of which only what is seen is drawn. */
export function List({ store, view, selected, marked, onPick }: ListProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const now = useNow();
  const { rows, waiting } = view;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
    getItemKey: (index) => rows[index]?.id ?? index,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= rows.length - AHEAD) store.loadOlder();
  }, [last, rows.length, store]);

  // What is selected is in sight, wherever the keys took it.
  const at = selected === null ? -1 : rows.findIndex((row) => row.id === selected);
  const keep = useRef(virtual);
  keep.current = virtual;
  // biome-ignore lint/correctness/useExhaustiveDependencies: only when another one is selected, not when it moves
  useEffect(() => {
    if (at >= 0) keep.current.scrollToIndex(at, { align: "auto" });
  }, [selected]);

  const toTop = () => {
    store.setHold(false);
    scroller.current?.scrollTo({ top: 0 });
  };
  return (
    <div className="exchange-list relative flex h-full min-h-0 flex-col">
      <div
        role="grid"
        aria-label="Exchanges"
        aria-multiselectable="true"
        aria-rowcount={view.total ?? rows.length}
        aria-activedescendant={at >= 0 ? `exchange-${selected}` : undefined}
        tabIndex={0}
        className="flex min-h-0 flex-1 flex-col -outline-offset-2"
      >
        <div
          role="rowgroup"
          className="shrink-0 overflow-hidden border-b border-line bg-sunken [scrollbar-gutter:stable]"
        >
          <div role="row" aria-rowindex={1} className="exchange-row h-7 text-xs text-muted">
            {COLUMNS.map(([name, className]) => (
              <span key={name} role="columnheader" className={cx("truncate", className)}>
                {name}
              </span>
            ))}
          </div>
        </div>
        <div
          ref={scroller}
          role="rowgroup"
          className="min-h-0 flex-1 overflow-y-auto [overflow-anchor:none] [scrollbar-gutter:stable]"
          onScroll={(event) => store.setHold(event.currentTarget.scrollTop > ROW_HEIGHT / 2)}
        >
          <div role="presentation" className="relative" style={{ height: virtual.getTotalSize() }}>
            {items.map((item) => {
              const row = rows[item.index];
              return (
                row && (
                  <Row
                    key={row.id}
                    row={row}
                    index={item.index}
                    top={item.start}
                    selected={row.id === selected}
                    marked={marked.has(row.id)}
                    marking={marked.size > 0}
                    now={now}
                    onPick={onPick}
                  />
                )
              );
            })}
          </div>
        </div>
      </div>
      {waiting.length > 0 && (
        <button
          type="button"
          onClick={toTop}
          className="absolute top-10 left-1/2 z-10 flex -translate-x-1/2 items-center gap-1.5 rounded-full bg-accent-strong px-3 py-1 text-xs font-medium text-on-accent shadow-float"
        >
          <ArrowUp size={12} />
          {count(waiting.length, "new", "new")}
        </button>
      )}
    </div>
  );
}
