import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus, Waypoints } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { queries } from "@/api/live";
import type { Mapping } from "@/api/types";
import { go, type Start, useRoute } from "@/lib/route";
import { Button } from "@/parts/button";
import { Dialog, DialogBody, DialogFoot } from "@/parts/dialog";
import { Card, ScreenFrame } from "@/parts/screen";
import { Empty, Failed, Loading } from "@/parts/states";
import { complain, say } from "@/parts/toasts";
import { MappingDialog } from "./edit-dialog";
import { Ports } from "./ports";
import { QrDialog } from "./qr-dialog";
import { type MappingActions, MappingRow } from "./row";
import { StandInsDialog } from "./stand-ins-dialog";

type Open =
  | { kind: "add"; target?: string }
  | { kind: "edit" | "remove" | "stand-ins"; mapping: Mapping }
  | { kind: "qr"; url: string };

/** What the route wants opened. */
function asked(start: Start | null, mappings: readonly Mapping[]): Open | null {
  if (start?.what === "expose") return { kind: "add", target: start.of };
  const url = start && mappings.find((mapping) => mapping.id === start.of)?.public_url;
  return url ? { kind: "qr", url } : null;
}

/** Mappings, and what could become one. */
export default function MappingsScreen() {
  const client = useQueryClient();
  const mappings = useQuery(queries.mappings);
  const [opened, setOpen] = useState<Open | null>(null);
  const { start } = useRoute();
  const open = opened ?? (mappings.data ? asked(start, mappings.data) : null);
  const close = () => {
    setOpen(null);
    if (start) go({ start: null }, true);
  };
  const attempt = async (what: string, work: Promise<unknown>) => {
    try {
      await work;
      await client.invalidateQueries({ queryKey: ["mappings"] });
    } catch (error) {
      complain(what, error);
    }
  };
  const actions: MappingActions = {
    onEnable: (mapping, on) => attempt(on ? "Not resumed" : "Not paused", api.enableMapping(mapping.id, on)),
    onEdit: (mapping) => setOpen({ kind: "edit", mapping }),
    onRemove: (mapping) => setOpen({ kind: "remove", mapping }),
    onStandIns: (mapping) => setOpen({ kind: "stand-ins", mapping }),
    onQr: (url) => setOpen({ kind: "qr", url }),
  };
  const remove = (mapping: Mapping) => {
    close();
    attempt(
      "Not deleted",
      api.removeMapping(mapping.id).then(() => say("Mapping deleted")),
    );
  };
  return (
    <ScreenFrame
      title="Mappings"
      about="Each leads from a public address to a local target."
      actions={
        <Button look="primary" icon={<Plus size={14} />} onClick={() => setOpen({ kind: "add" })}>
          Add a mapping
        </Button>
      }
    >
      <Card>
        {mappings.error ? (
          <Failed error={mappings.error} retry={() => mappings.refetch()} />
        ) : !mappings.data ? (
          <Loading what="Reading mappings" />
        ) : mappings.data.length === 0 ? (
          <Empty icon={<Waypoints size={24} />} title="No mappings yet">
            Expose one of the ports below, add a mapping, or run{" "}
            <code className="code">porthole http 3000</code>.
          </Empty>
        ) : (
          <ul>
            {mappings.data.map((mapping) => (
              <MappingRow key={mapping.id} mapping={mapping} actions={actions} />
            ))}
          </ul>
        )}
      </Card>
      <Ports mappings={mappings.data ?? []} />
      {open?.kind === "add" && <MappingDialog start={{ target: open.target ?? "" }} onClose={close} />}
      {open?.kind === "edit" && <MappingDialog mapping={open.mapping} onClose={close} />}
      {open?.kind === "qr" && <QrDialog url={open.url} onClose={close} />}
      {open?.kind === "stand-ins" && <StandInsDialog mapping={open.mapping} onClose={close} />}
      {open?.kind === "remove" && (
        <Dialog title="Delete this mapping?" onClose={close}>
          <DialogBody>
            <span className="code">{open.mapping.public_url ?? open.mapping.name ?? open.mapping.id}</span>{" "}
            ends at once. Its exchanges stay. To end it for a while, pause it.
          </DialogBody>
          <DialogFoot>
            <Button onClick={close}>Keep it</Button>
            <Button look="danger" onClick={() => remove(open.mapping)}>
              Delete
            </Button>
          </DialogFoot>
        </Dialog>
      )}
    </ScreenFrame>
  );
}
