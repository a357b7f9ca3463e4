import { Bookmark, BookmarkPlus, X } from "lucide-react";
import { useStored } from "@/lib/stored";
import { cx } from "@/parts/class";
import { has, toggle } from "./filter";

const CHIPS: [label: string, term: string][] = [
  ["Failed", "is:failed"],
  ["5xx", "status:5xx"],
  ["4xx", "status:4xx"],
  ["Slow", "duration:>500ms"],
  ["POST", "method:POST"],
  ["JSON", "type:json"],
  ["Replays", "is:replay"],
  ["WebSocket", "is:websocket"],
  ["Pinned", "is:pinned"],
];

/** Filters that somebody keeps; more would no longer be found at a glance. */
const MAX_SAVED = 12;

/** The usual filters as switches, and the saved ones. */
export function Chips({ filter, onFilter }: { filter: string; onFilter: (filter: string) => void }) {
  const [text, setText] = useStored("filters");
  const saved = readSaved(text);
  const set = (filters: string[]) => setText(filters.length > 0 ? JSON.stringify(filters) : null);
  const canSave = filter !== "" && !saved.includes(filter) && !CHIPS.some(([, term]) => term === filter);
  return (
    <div className="flex flex-wrap items-center gap-1">
      {CHIPS.map(([label, term]) => (
        <button
          key={term}
          type="button"
          aria-pressed={has(filter, term)}
          title={term}
          onClick={() => onFilter(toggle(filter, term))}
          className="rounded-full border border-line-strong px-2 py-px text-xs text-muted hover:bg-hover hover:text-ink aria-pressed:border-accent aria-pressed:bg-selected aria-pressed:font-medium aria-pressed:text-ink"
        >
          {label}
        </button>
      ))}
      {saved.map((one) => (
        <span
          key={one}
          className={cx(
            "flex items-center rounded-full border border-line-strong text-xs",
            one === filter && "border-accent bg-selected",
          )}
        >
          <button
            type="button"
            title={one}
            className="flex max-w-48 items-center gap-1 rounded-full py-px pl-2"
            onClick={() => onFilter(one)}
          >
            <Bookmark size={11} className="shrink-0 text-accent" />
            <span className="truncate font-mono">{one}</span>
          </button>
          <button
            type="button"
            aria-label={`Forget the filter ${one}`}
            className="rounded-full p-0.5 text-muted hover:text-ink"
            onClick={() => set(saved.filter((other) => other !== one))}
          >
            <X size={12} />
          </button>
        </span>
      ))}
      {canSave && (
        <button
          type="button"
          onClick={() => set([...saved, filter].slice(-MAX_SAVED))}
          className="flex items-center gap-1 rounded-full px-2 py-px text-xs text-accent hover:underline"
        >
          <BookmarkPlus size={12} /> Save filter
        </button>
      )}
    </div>
  );
}

function readSaved(text: string | null): string[] {
  try {
    const list: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(list) ? list.filter((one) => typeof one === "string").slice(0, MAX_SAVED) : [];
  } catch {
    return [];
  }
}
