import { useQuery } from "@tanstack/react-query";
import { Search, X } from "lucide-react";
import { type Ref, useEffect, useId, useState } from "react";
import { queries } from "@/api/live";
import { IconButton } from "@/parts/button";
import { Keys } from "@/parts/tip";
import { complete, unfinished } from "./filter";

/** Wait after the last key before the engine is asked, in milliseconds. */
const SETTLE_MS = 250;

interface SearchProps {
  filter: string;
  onFilter: (filter: string) => void;
  /** What the engine says of a filter that it does not understand. */
  error: string | undefined;
  ref: Ref<HTMLInputElement>;
}

/** The search box with completion of the filter language. */
export function SearchBox({ filter, onFilter, error, ref }: SearchProps) {
  const id = useId();
  const mappings = useQuery(queries.mappings).data ?? [];
  const [text, setText] = useState(filter);
  const [caret, setCaret] = useState<number | null>(null);
  const [chosen, setChosen] = useState(-1);
  useEffect(() => setText(filter), [filter]);
  useEffect(() => {
    if (text.trim() === filter || unfinished(text)) return;
    const timer = setTimeout(() => onFilter(text.trim()), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [text, filter, onFilter]);

  const names = mappings.flatMap((mapping) => mapping.name ?? mapping.host ?? []);
  const offered = caret === null ? [] : complete(text, caret, names);
  const open = offered.length > 0;
  const take = (index: number, input: HTMLInputElement) => {
    const one = offered[index];
    if (!one) return;
    setText(one.filter);
    setChosen(-1);
    setCaret(one.caret);
    requestAnimationFrame(() => input.setSelectionRange(one.caret, one.caret));
  };
  const clear = () => {
    setText("");
    onFilter("");
  };
  return (
    <div className="relative min-w-48 flex-1">
      <Search size={14} className="absolute top-2 left-2.5 text-muted" aria-hidden="true" />
      <input
        ref={ref}
        role="combobox"
        aria-label="Search exchanges"
        aria-expanded={open}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={chosen >= 0 ? `${id}-${chosen}` : undefined}
        aria-invalid={Boolean(error)}
        aria-describedby={error ? `${id}-error` : undefined}
        spellCheck={false}
        autoComplete="off"
        placeholder="Search, or filter: status:5xx path:/api"
        className="control w-full pr-16 pl-8 font-mono text-xs"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setCaret(event.target.selectionStart);
          setChosen(-1);
        }}
        onSelect={(event) => caret !== null && setCaret(event.currentTarget.selectionStart)}
        onClick={(event) => setCaret(event.currentTarget.selectionStart)}
        onBlur={() => setCaret(null)}
        onKeyDown={(event) => {
          const input = event.currentTarget;
          const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (open && step) {
            setChosen((chosen + step + offered.length) % offered.length);
            event.preventDefault();
          } else if (open && (event.key === "Tab" || event.key === "Enter") && chosen >= 0) {
            take(chosen, input);
            event.preventDefault();
          } else if (event.key === "Enter") {
            onFilter(text.trim());
            setCaret(null);
          } else if (event.key === "Escape") {
            if (open) setCaret(null);
            else input.blur();
            event.preventDefault();
          } else if (event.key === "ArrowDown" && !open) {
            setCaret(input.selectionStart);
          }
        }}
      />
      <div className="absolute top-0.5 right-1 flex h-7 items-center gap-1">
        {text ? (
          <IconButton
            label="Clear the search"
            keys="x"
            className="size-6"
            onClick={clear}
            icon={<X size={14} />}
          />
        ) : (
          <Keys keys="/" />
        )}
      </div>
      {error && (
        <p
          id={`${id}-error`}
          role="alert"
          className="absolute top-full z-20 mt-1 w-full rounded-md border border-bad bg-bad-soft px-2 py-1 text-xs text-bad"
        >
          {error}
        </p>
      )}
      {open && !error && (
        <div
          id={`${id}-list`}
          role="listbox"
          aria-label="Completions"
          className="absolute top-full z-20 mt-1 w-full max-w-120 rounded-lg border border-line bg-raised p-1 shadow-float"
        >
          {offered.map((one, index) => (
            <div
              key={one.label}
              id={`${id}-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === chosen}
              className="flex cursor-pointer gap-3 rounded-md px-2 py-1 hover:bg-hover aria-selected:bg-selected"
              onMouseDown={(event) => {
                event.preventDefault();
                const input = event.currentTarget.closest("div.relative")?.querySelector("input");
                if (input) take(index, input);
              }}
            >
              <span className="code text-accent">{one.label}</span>
              <span className="truncate text-xs text-muted">{one.help}</span>
            </div>
          ))}
          <p className="px-2 pt-1 text-2xs text-muted">↑ ↓ choose, Tab takes it</p>
        </div>
      )}
    </div>
  );
}
