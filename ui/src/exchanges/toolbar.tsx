import { Download, Ellipsis, FileInput, LoaderCircle, Trash2 } from "lucide-react";
import { useRef, useState } from "react";
import { api } from "@/api/client";
import { count } from "@/lib/format";
import { Button, IconButton } from "@/parts/button";
import { Dialog, DialogBody, DialogFoot } from "@/parts/dialog";
import { Menu } from "@/parts/menu";
import { complain, say } from "@/parts/toasts";
import type { ListStore } from "./list-store";
import type { Import } from "./use-import";

/** How many there are, and what can be done with all of them. */
export function Toolbar({
  store,
  filter,
  total,
  taking,
}: {
  store: ListStore;
  filter: string;
  total: number | null;
  taking: Import;
}) {
  const picker = useRef<HTMLInputElement>(null);
  const [asking, setAsking] = useState(false);
  const matching = filter ? "matching exchanges" : "all exchanges";
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
      {taking.name !== null ? (
        <span role="status" className="flex shrink-0 items-center gap-1.5 text-xs text-muted">
          <LoaderCircle size={14} className="animate-spin" /> Taking in {taking.name}…
        </span>
      ) : total !== null ? (
        <span role="status" className="shrink-0 text-xs text-muted max-sm:hidden">
          {count(total, "exchange")}
        </span>
      ) : null}
      <input
        ref={picker}
        type="file"
        accept=".har,application/json"
        multiple
        hidden
        aria-label="HAR files"
        onChange={(event) => {
          taking.take([...(event.target.files ?? [])]);
          // So that the same file can be chosen once more.
          event.target.value = "";
        }}
      />
      <Menu
        trigger={<IconButton label="More" icon={<Ellipsis size={16} />} />}
        items={[
          {
            label: `Export ${matching} as HAR`,
            icon: <Download size={14} />,
            href: api.exportUrl({ filter }, true),
          },
          {
            label: `Export ${matching} as HAR, secrets included`,
            icon: <Download size={14} />,
            href: api.exportUrl({ filter }, false),
          },
          { label: "Import HAR files…", icon: <FileInput size={14} />, act: () => picker.current?.click() },
          "line",
          { label: `Delete ${matching}…`, icon: <Trash2 size={14} />, bad: true, act: () => setAsking(true) },
        ]}
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
