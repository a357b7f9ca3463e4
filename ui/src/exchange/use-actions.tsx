import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { api } from "@/api/client";
import type { CopyFormat, ReplayInput, Summary } from "@/api/types";
import type { ListStore } from "@/exchanges/list-store";
import { path } from "@/exchanges/words";
import { copyText } from "@/lib/copy";
import { count } from "@/lib/format";
import { go } from "@/lib/route";
import { complain, say } from "@/parts/toasts";
import { ignored } from "./diff/ignored";
import { EditDialog } from "./edit-dialog";
import { NoteDialog } from "./note-dialog";
import { ReplayDialog } from "./replay-dialog";

/** What can be done with one exchange. */
export interface Actions {
  replay: (row: Summary) => void;
  /** Asks how often and where to. */
  replayWith: (row: Summary) => void;
  edit: (row: Summary) => void;
  copy: (row: Summary, format: CopyFormat) => void;
  pin: (row: Summary) => void;
  note: (row: Summary) => void;
  /** Has its answer stand in while the service is down, or ends that. */
  standIn: (row: Summary, on: boolean) => void;
  remove: (row: Summary) => void;
  /** The dialog that one of them has opened. */
  dialog: ReactNode;
}

const FORMATS: Record<CopyFormat, string> = {
  curl: "curl",
  fetch: "fetch",
  httpie: "HTTPie",
  raw: "raw request",
  "test-sh": "a test for a shell",
  "test-node": "a test for Node",
};

type Open = { kind: "edit" | "replay" | "note"; row: Summary };

export function useActions(store: ListStore, onTab: (tab: string) => void): Actions {
  const client = useQueryClient();
  const [open, setOpen] = useState<Open | null>(null);
  const close = () => setOpen(null);

  const send = async (row: Summary, input: ReplayInput) => {
    try {
      const made = await api.replay(row.id, input);
      const last = made.at(-1);
      client.invalidateQueries({ queryKey: ["exchange", row.id] });
      say(
        made.length === 1 ? `Replayed as #${last}` : `Replayed ${count(made.length, "time")}`,
        last === undefined ? undefined : { label: "Compare", act: () => compare(last) },
      );
      close();
      if (last !== undefined && made.length === 1) go({ id: last });
    } catch (error) {
      if (open) throw error;
      complain("Not replayed", error);
    }
  };
  const compare = (id: number) => {
    go({ screen: "exchanges", id });
    onTab("diff");
  };
  const mark = async (row: Summary, marks: { pinned?: boolean; note?: string | null }) => {
    try {
      await api.mark(row.id, marks);
      store.put({ ...row, ...marks });
      client.invalidateQueries({ queryKey: ["exchange", row.id] });
    } catch (error) {
      complain("Not changed", error);
    }
  };
  const copy = async (row: Summary, format: CopyFormat) => {
    try {
      if (await copyText(await api.copy(row.id, format, ignored()))) say(`Copied as ${FORMATS[format]}`);
      else complain("Not copied", "the browser does not allow it here");
    } catch (error) {
      complain("Not copied", error);
    }
  };
  const standIn = async (row: Summary, on: boolean) => {
    try {
      if (on) await api.standIn(row.id);
      else await api.standDown(row.id);
      await client.invalidateQueries({ queryKey: ["exchange", row.id] });
      const undo = { label: "Undo", act: () => standIn(row, !on) };
      const asked = `${row.method} ${path(row.target)}`;
      say(on ? `Answers ${asked} when down` : `No longer answers ${asked} when down`, undo);
    } catch (error) {
      complain("Not changed", error);
    }
  };
  const remove = async (row: Summary) => {
    try {
      await api.removeExchange(row.id);
      store.drop(row.id);
      go({ id: null }, true);
      say(`#${row.id} deleted`);
    } catch (error) {
      complain("Not deleted", error);
    }
  };
  return {
    replay: (row) => send(row, {}),
    replayWith: (row) => setOpen({ kind: "replay", row }),
    edit: (row) => setOpen({ kind: "edit", row }),
    note: (row) => setOpen({ kind: "note", row }),
    pin: (row) => mark(row, { pinned: !row.pinned }),
    standIn,
    copy,
    remove,
    dialog: open && (
      <>
        {open.kind === "edit" && (
          <EditDialog row={open.row} send={(input) => send(open.row, input)} onClose={close} />
        )}
        {open.kind === "replay" && (
          <ReplayDialog row={open.row} send={(input) => send(open.row, input)} onClose={close} />
        )}
        {open.kind === "note" && (
          <NoteDialog
            row={open.row}
            save={(note) => {
              close();
              mark(open.row, { note });
            }}
            onClose={close}
          />
        )}
      </>
    ),
  };
}
