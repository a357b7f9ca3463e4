import { Download, GitCompare, Pin, PinOff, Repeat2, Trash2, X } from "lucide-react";
import { count } from "@/lib/format";
import { Button, IconButton } from "@/parts/button";
import { Tip } from "@/parts/tip";
import type { Marked } from "./use-marked";

/** What can be done with the marked exchanges; it stands where the chips are. */
export function MarksBar({ marked }: { marked: Marked }) {
  const { rows, busy } = marked;
  const allPinned = rows.every((row) => row.pinned);
  return (
    <div role="toolbar" aria-label="Marked exchanges" className="flex flex-wrap items-center gap-1">
      <span role="status" className="mr-1 text-xs font-medium">
        {count(rows.length, "exchange")} marked
      </span>
      <Tip
        text={marked.sendable ? "As they were, the oldest first" : "Conversations cannot be sent again"}
        keys="r"
      >
        <Button
          look="primary"
          small
          disabled={busy || !marked.sendable}
          icon={<Repeat2 size={13} />}
          onClick={marked.replay}
        >
          {busy ? "At work…" : rows.length === 1 ? "Replay" : `Replay ${rows.length} in order`}
        </Button>
      </Tip>
      <Tip text={rows.length === 2 ? "Compare their answers" : "Mark two to compare them"} keys="d">
        <Button small disabled={rows.length !== 2} icon={<GitCompare size={13} />} onClick={marked.compare}>
          Compare
        </Button>
      </Tip>
      <Button
        small
        disabled={busy}
        icon={allPinned ? <PinOff size={13} /> : <Pin size={13} />}
        onClick={marked.pin}
      >
        {allPinned ? "Unpin" : "Pin"}
      </Button>
      <a
        href={marked.exportUrl}
        download
        title="Secrets masked"
        className="inline-flex h-6 items-center gap-1.5 rounded-md border border-line-strong bg-surface px-2 text-xs hover:bg-hover"
      >
        <Download size={13} /> Export as HAR
      </a>
      <Button look="danger" small disabled={busy} icon={<Trash2 size={13} />} onClick={marked.askRemove}>
        Delete…
      </Button>
      <IconButton
        label="Unmark"
        keys="Esc"
        className="size-6"
        onClick={marked.clear}
        icon={<X size={14} />}
      />
      {marked.dialog}
    </div>
  );
}
