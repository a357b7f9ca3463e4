import {
  CircleAlert,
  FileInput,
  LifeBuoy,
  Pencil,
  Pin,
  Plug,
  Radio,
  Repeat2,
  Scissors,
  StickyNote,
  Waves,
} from "lucide-react";
import { type MouseEvent, memo } from "react";
import type { Summary } from "@/api/types";
import { ago, bytes, moment } from "@/lib/format";
import { cx } from "@/parts/class";
import { bar, durationText, path, shortType, spoken, statusText, TONES, tone } from "./words";

/** Height of a row in pixels: dense, and still hit with a finger's side. */
export const ROW_HEIGHT = 28;

/** Names of the columns, in their order, with the class that takes them away where there is no room. */
export const COLUMNS: [name: string, className: string][] = [
  ["#", "text-right at-720"],
  ["Time", ""],
  ["Method", ""],
  ["Status", ""],
  ["Mapping", "at-720"],
  ["Path", ""],
  ["Type", "at-720"],
  ["Request", "text-right at-1000"],
  ["Response", "text-right at-720"],
  // As wide as the number: the bar beside it needs no name.
  ["Duration", "w-15 text-right"],
  ["Source", "at-1000"],
  ["Marks", "at-1000"],
];

interface RowProps {
  row: Summary;
  index: number;
  top: number;
  /** It is open. */
  selected: boolean;
  marked: boolean;
  /** Whether any row is: then it is them that are chosen. */
  marking: boolean;
  now: number;
  onPick: (row: Summary, how: Pick) => void;
}

/** What a click on a row is meant for. */
export type Pick = "open" | "mark" | "range";

function meant(event: MouseEvent): Pick {
  if (event.shiftKey) return "range";
  return event.ctrlKey || event.metaKey ? "mark" : "open";
}

export const Row = memo(function Row({ row, index, top, selected, marked, marking, now, onPick }: RowProps) {
  const search = row.target.slice(path(row.target).length);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid around it takes the keys
    <div
      role="row"
      id={`exchange-${row.id}`}
      tabIndex={-1}
      aria-rowindex={index + 2}
      aria-selected={marking ? marked : selected}
      aria-label={spoken(row)}
      // A range of rows, not of their texts.
      onMouseDown={(event) => event.shiftKey && event.preventDefault()}
      onClick={(event) => onPick(row, meant(event))}
      className={cx(
        "exchange-row absolute inset-x-0 cursor-pointer border-b border-line/60",
        selected || marked ? "bg-selected" : "hover:bg-hover",
        marked && "shadow-[inset_3px_0_0_var(--color-accent)]",
      )}
      style={{ height: ROW_HEIGHT, transform: `translateY(${top}px)` }}
    >
      <Cell className="at-720 text-right text-muted">{row.id}</Cell>
      <Cell className="text-muted" title={moment(row.started_us)}>
        {ago(row.started_us, now)}
      </Cell>
      <Cell className="font-mono text-xs font-medium">{row.method || row.kind.toUpperCase()}</Cell>
      <Status row={row} />
      <Cell className="at-720 text-muted">{row.mapping ?? row.mapping_id}</Cell>
      <span role="gridcell" title={row.target} className="flex gap-2 overflow-hidden text-xs">
        <span className={cx("truncate font-mono", row.name && "max-w-2/3 shrink-0")}>
          {path(row.target)}
          <span className="text-muted">{search}</span>
        </span>
        {row.name && <span className="truncate text-accent">{row.name}</span>}
      </span>
      <Cell className="at-720 text-muted">{shortType(row.response_type ?? row.request_type)}</Cell>
      <Cell className="at-1000 text-right text-muted">
        {row.request_bytes > 0 ? bytes(row.request_bytes) : ""}
      </Cell>
      <Cell className="at-720 text-right">{row.response_bytes > 0 ? bytes(row.response_bytes) : ""}</Cell>
      <Duration row={row} />
      <Cell className="at-1000 text-muted">{row.source === "visitor" ? "" : row.source}</Cell>
      <Marks row={row} />
    </div>
  );
});

function Cell({
  className,
  title,
  children,
}: {
  className?: string;
  title?: string;
  children?: React.ReactNode;
}) {
  return (
    <span role="gridcell" title={title} className={cx("truncate", className)}>
      {children}
    </span>
  );
}

/** The number in its colour; what went wrong has a sign and a word as well. */
function Status({ row }: { row: Summary }) {
  const failed = row.state === "failed" || row.error !== null;
  return (
    <span
      role="gridcell"
      title={row.error ?? undefined}
      className={cx("flex items-center gap-1 truncate font-medium", TONES[tone(row)])}
    >
      {failed ? (
        <CircleAlert size={12} className="shrink-0" aria-label={row.error ?? "failed"} />
      ) : row.state === "open" ? (
        <span className="size-1.5 shrink-0 animate-pulse rounded-full bg-current" aria-hidden="true" />
      ) : null}
      <span className="truncate">{statusText(row)}</span>
    </span>
  );
}

function Duration({ row }: { row: Summary }) {
  const shares = bar(row);
  return (
    <span role="gridcell" className="flex items-center gap-2">
      <span className="w-15 shrink-0 text-right">{durationText(row)}</span>
      {shares && (
        <span
          className="duration-bar flex h-1.5 flex-1 overflow-hidden rounded-full bg-sunken"
          aria-hidden="true"
        >
          <span className="bg-accent" style={{ width: `${shares.wait * 100}%` }} />
          <span className="bg-accent/45" style={{ width: `${shares.body * 100}%` }} />
        </span>
      )}
    </span>
  );
}

function Marks({ row }: { row: Summary }) {
  const truncated = row.request_kept < row.request_bytes || row.response_kept < row.response_bytes;
  return (
    <span role="gridcell" className="at-1000 flex items-center gap-1.5 text-muted">
      {row.pinned && <Pin size={12} className="text-accent" aria-label="pinned" />}
      {row.note && <StickyNote size={12} aria-label="has a note" />}
      {row.edited && <Pencil size={12} aria-label="edited" />}
      {row.source === "replay" && <Repeat2 size={12} aria-label="replay" />}
      {row.source === "stand-in" && (
        <LifeBuoy size={12} className="text-info" aria-label="answered by a stand-in" />
      )}
      {row.source === "import" && <FileInput size={12} aria-label="imported" />}
      {row.kind === "websocket" && <Waves size={12} aria-label="WebSocket" />}
      {row.kind === "sse" && <Radio size={12} aria-label="server-sent events" />}
      {row.kind === "tcp" && <Plug size={12} aria-label="TCP" />}
      {(truncated || row.incomplete) && (
        <Scissors size={12} className="text-warn" aria-label={row.incomplete ? "incomplete" : "truncated"} />
      )}
    </span>
  );
}
