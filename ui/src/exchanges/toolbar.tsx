import { Download, Ellipsis, FileInput, Trash2 } from "lucide-react";
import { useRef, useState } from "react";
import { api } from "@/api/client";
import { count } from "@/lib/format";
import { Button, IconButton } from "@/parts/button";
import { Dialog, DialogBody, DialogFoot } from "@/parts/dialog";
import { Menu } from "@/parts/menu";
import { complain, say } from "@/parts/toasts";
import type { ListStore } from "./list-store";

/** Largest HAR read from a file, in bytes: the engine takes no more. */
const MAX_HAR_BYTES = 64 * 1024 * 1024;

/** How many there are, and what can be done with all of them. */
export function Toolbar({
  store,
  filter,
  total,
}: {
  store: ListStore;
  filter: string;
  total: number | null;
}) {
  const file = useRef<HTMLInputElement>(null);
  const [asking, setAsking] = useState(false);
  const matching = filter ? "matching exchanges" : "all exchanges";
  const importHar = async (chosen: File | undefined) => {
    if (!chosen) return;
    try {
      if (chosen.size > MAX_HAR_BYTES) throw new Error("the file is larger than 64 MiB");
      const done = await api.importHar(JSON.parse(await chosen.text()));
      const skipped =
        done.skipped.length > 0 ? `, ${done.skipped.length} left out: ${done.skipped[0]?.reason}` : "";
      say(`${count(done.imported, "exchange")} imported${skipped}`);
      store.reload();
    } catch (error) {
      complain(`${chosen.name} was not imported`, error);
    }
  };
  const clear = async () => {
    setAsking(false);
    try {
      const { deleted } = await api.removeExchanges(filter);
      say(`${count(deleted, "exchange")} deleted`);
      store.reload();
    } catch (error) {
      complain("Not deleted", error);
    }
  };
  return (
    <>
      {total !== null && (
        <span role="status" className="shrink-0 text-xs text-muted max-sm:hidden">
          {count(total, "exchange")}
        </span>
      )}
      <Menu
        trigger={<IconButton label="More" icon={<Ellipsis size={16} />} />}
        items={[
          {
            label: `Export ${matching} as HAR`,
            icon: <Download size={14} />,
            href: api.exportUrl("har", filter, false),
          },
          {
            label: "Export as HAR, secrets removed",
            icon: <Download size={14} />,
            href: api.exportUrl("har", filter, true),
          },
          { label: "Import HAR…", icon: <FileInput size={14} />, act: () => file.current?.click() },
          "line",
          { label: `Delete ${matching}…`, icon: <Trash2 size={14} />, bad: true, act: () => setAsking(true) },
        ]}
      />
      <input
        ref={file}
        type="file"
        accept=".har,.json,application/json"
        className="hidden"
        aria-label="HAR file"
        onChange={(event) => {
          importHar(event.target.files?.[0]);
          event.target.value = "";
        }}
      />
      {asking && (
        <Dialog title={`Delete ${matching}?`} onClose={() => setAsking(false)}>
          <DialogBody>
            They cannot be brought back. Pinned exchanges stay.
            {filter && (
              <>
                {" "}
                Only what matches <code className="code">{filter}</code> is deleted.
              </>
            )}
          </DialogBody>
          <DialogFoot>
            <Button onClick={() => setAsking(false)}>Keep them</Button>
            <Button look="danger" onClick={clear}>
              Delete
            </Button>
          </DialogFoot>
        </Dialog>
      )}
    </>
  );
}
