import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import { api } from "@/api/client";
import type { Summary } from "@/api/types";
import { count } from "@/lib/format";
import { go } from "@/lib/route";
import { Button } from "@/parts/button";
import { Dialog, DialogBody, DialogFoot } from "@/parts/dialog";
import { complain, say } from "@/parts/toasts";
import type { ListStore } from "./list-store";
import { inOrder, type Marks, NO_MARKS, ranged, toggled } from "./marks";

/** Kinds that are one request, which can be sent again. */
const SENDABLE = ["http", "sse"];

/** The marked exchanges, and what can be done with them. */
export interface Marked {
  ids: ReadonlySet<number>;
  /** In the order in which their requests came. */
  rows: Summary[];
  /** Each of them can be sent again. */
  sendable: boolean;
  busy: boolean;
  exportUrl: string;
  toggle: (id: number) => void;
  /** Marks from the last one that was marked, or from the open one, up to this. */
  range: (open: number | null, to: number) => void;
  clear: () => void;
  replay: () => void;
  compare: () => void;
  pin: () => void;
  askRemove: () => void;
  dialog: ReactNode;
}

export function useMarked(
  store: ListStore,
  list: readonly Summary[],
  onCompare: (before: Summary, after: Summary) => void,
): Marked {
  const client = useQueryClient();
  const [marks, setMarks] = useState<Marks>(NO_MARKS);
  const [busy, setBusy] = useState(false);
  const [asking, setAsking] = useState(false);
  const rows = useMemo(() => inOrder(marks, list), [marks, list]);
  const ids = useMemo(() => new Set(rows.map((row) => row.id)), [rows]);
  const clear = () => setMarks(NO_MARKS);

  const work = async (failed: string, act: () => Promise<void>) => {
    if (busy) return;
    setBusy(true);
    try {
      await act();
    } catch (error) {
      complain(failed, error);
    } finally {
      setBusy(false);
    }
  };
  const sendable = rows.every((row) => SENDABLE.includes(row.kind));
  const replay = () =>
    sendable &&
    work("Not all were replayed", async () => {
      const made = await api.replaySeveral(rows.map((row) => row.id));
      for (const row of rows) client.invalidateQueries({ queryKey: ["exchange", row.id] });
      say(`Replayed ${count(made.length, "exchange")} in order`);
      clear();
    });
  const pin = () =>
    work("Not all were changed", async () => {
      const pinned = !rows.every((row) => row.pinned);
      for (const row of rows) {
        await api.mark(row.id, { pinned });
        store.put({ ...row, pinned });
        client.invalidateQueries({ queryKey: ["exchange", row.id] });
      }
    });
  const remove = () => {
    setAsking(false);
    work("Not all were deleted", async () => {
      for (const row of rows) {
        await api.removeExchange(row.id);
        store.drop(row.id);
      }
      say(`${count(rows.length, "exchange")} deleted`);
      clear();
      go({ id: null }, true);
    });
  };
  const compare = () => {
    const [before, after] = rows;
    if (rows.length !== 2 || !before || !after) return;
    clear();
    onCompare(before, after);
  };
  return {
    ids,
    rows,
    sendable,
    busy,
    exportUrl: api.exportUrl({ ids: rows.map((row) => row.id).join(",") }, true),
    toggle: (id) => setMarks((before) => toggled(before, id)),
    range: (open, to) => setMarks((before) => ranged(before, list, open, to)),
    clear,
    replay,
    compare,
    pin,
    askRemove: () => setAsking(true),
    dialog: asking && (
      <Dialog title={`Delete ${count(rows.length, "exchange")}?`} onClose={() => setAsking(false)}>
        <DialogBody>They cannot be brought back. Pinned ones are deleted, too.</DialogBody>
        <DialogFoot>
          <Button onClick={() => setAsking(false)}>Keep them</Button>
          <Button look="danger" onClick={remove}>
            Delete
          </Button>
        </DialogFoot>
      </Dialog>
    ),
  };
}
