import { ChevronDown, ChevronRight, Copy } from "lucide-react";
import { useMemo, useState } from "react";
import { copyText } from "@/lib/copy";
import { count } from "@/lib/format";
import { say } from "@/parts/toasts";
import { type Json, writeJson } from "./json";
import { hit, initiallyOpen, type JsonRow, jsonRows } from "./json-rows";
import { Lines } from "./lines";

/** Most of a text in one line of the tree, in characters; all of it is in the source, and copied. */
const MAX_VALUE = 300;

/** JSON to open, close and search; a click on a name copies its path. */
export function JsonTree({ root }: { root: Json }) {
  const [open, setOpen] = useState(() => initiallyOpen(root));
  const [search, setSearch] = useState("");
  const rows = useMemo(() => jsonRows(root, open, search), [root, open, search]);
  const word = search.trim().toLowerCase();
  const hits = word === "" ? 0 : rows.filter((row) => hit(row, word)).length;
  const turn = (path: string) => {
    const next = new Set(open);
    if (!next.delete(path)) next.add(path);
    setOpen(next);
  };
  return (
    <>
      <div className="flex items-center gap-2">
        <input
          type="search"
          aria-label="Search in the JSON"
          placeholder="Search names and values"
          className="control h-7 w-56 text-xs"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <span role="status" className="text-xs text-muted">
          {word !== "" && count(hits, "hit")}
        </span>
      </div>
      <Lines count={rows.length} label="JSON">
        {(index) => {
          const row = rows[index];
          return row && <TreeLine row={row} word={word} turn={() => turn(row.path)} />;
        }}
      </Lines>
    </>
  );
}

function TreeLine({ row, word, turn }: { row: JsonRow; word: string; turn: () => void }) {
  const copyPath = async () => (await copyText(row.path)) && say(`Copied ${row.path}`);
  const copyValue = async () => {
    const text = row.value.kind === "string" ? row.value.value : writeJson(row.value);
    if (await copyText(text)) say("Value copied");
  };
  return (
    <span className="group flex items-center" style={{ paddingLeft: row.depth * 16 }}>
      {row.size === null ? (
        <span className="w-4 shrink-0" />
      ) : (
        <button
          type="button"
          aria-expanded={row.open}
          aria-label={row.open ? "Close" : "Open"}
          onClick={turn}
          className="w-4 shrink-0 rounded text-muted hover:text-ink"
        >
          {row.open ? <ChevronDown size={12} /> : <ChevronRight size={12} />}
        </button>
      )}
      {row.label !== null && (
        <>
          <button
            type="button"
            title={`Copy the path ${row.path}`}
            onClick={copyPath}
            className={`rounded hover:underline ${typeof row.label === "number" ? "text-muted" : "text-code-key"}`}
          >
            {row.label}
          </button>
          <span className="mr-1.5 text-muted">:</span>
        </>
      )}
      <Value row={row} found={word !== "" && hit(row, word)} />
      <button
        type="button"
        aria-label={`Copy the value of ${row.path}`}
        onClick={copyValue}
        className="ml-2 rounded text-muted opacity-0 group-hover:opacity-100 hover:text-ink focus-visible:opacity-100"
      >
        <Copy size={11} />
      </button>
    </span>
  );
}

function Value({ row, found }: { row: JsonRow; found: boolean }) {
  const mark = found ? "rounded bg-warn-soft" : "";
  const { value } = row;
  switch (value.kind) {
    case "object":
      return (
        <span className="text-muted">
          {row.open && row.size ? "{" : `{ ${count(row.size ?? 0, "member")} }`}
        </span>
      );
    case "array":
      return (
        <span className="text-muted">
          {row.open && row.size ? `[ ${row.size}` : `[ ${count(row.size ?? 0, "element")} ]`}
        </span>
      );
    case "string":
      return (
        <span className={`text-code-string ${mark}`}>
          {JSON.stringify(
            value.value.length > MAX_VALUE ? `${value.value.slice(0, MAX_VALUE)}…` : value.value,
          )}
        </span>
      );
    case "number":
      return <span className={`text-code-number ${mark}`}>{value.raw}</span>;
    case "word":
      return <span className={`text-code-word ${mark}`}>{value.raw}</span>;
  }
}
