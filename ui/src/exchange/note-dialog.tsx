import { useState } from "react";
import type { Summary } from "@/api/types";
import { Button } from "@/parts/button";
import { Dialog, DialogBody, DialogFoot } from "@/parts/dialog";

/** Longest note, in characters: a paragraph. */
const MAX_NOTE = 2000;

export function NoteDialog({
  row,
  save,
  onClose,
}: {
  row: Summary;
  save: (note: string | null) => void;
  onClose: () => void;
}) {
  const [note, setNote] = useState(row.note ?? "");
  return (
    <Dialog
      title={`Note on #${row.id}`}
      about="It is searched by note: and stays with the exchange."
      onClose={onClose}
    >
      <DialogBody>
        <textarea
          aria-label="Note"
          autoFocus
          maxLength={MAX_NOTE}
          className="control h-28 w-full resize-y py-2"
          value={note}
          onChange={(event) => setNote(event.target.value)}
        />
      </DialogBody>
      <DialogFoot>
        <Button onClick={onClose}>Cancel</Button>
        <Button look="primary" onClick={() => save(note.trim() || null)}>
          Save note
        </Button>
      </DialogFoot>
    </Dialog>
  );
}
