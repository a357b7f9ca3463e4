import { useQuery } from "@tanstack/react-query";
import { Plug, RotateCw } from "lucide-react";
import { queries } from "@/api/live";
import type { Mapping, Port } from "@/api/types";
import { Button, IconButton } from "@/parts/button";
import { Card } from "@/parts/screen";
import { Empty, Failed, Loading } from "@/parts/states";
import { useExpose } from "./use-expose";

/** New programs show up by themselves this often, in milliseconds, while one looks. */
const LOOK_EVERY_MS = 5000;

/** What listens on this computer; a click exposes it. */
export function Ports({ mappings }: { mappings: Mapping[] }) {
  const ports = useQuery({ ...queries.ports, refetchInterval: LOOK_EVERY_MS });
  const expose = useExpose();
  return (
    <Card
      title="Listening on this computer"
      actions={
        <IconButton
          label="Look again"
          onClick={() => ports.refetch()}
          icon={<RotateCw size={14} className={ports.isFetching ? "animate-spin" : ""} />}
        />
      }
    >
      {!ports.data ? (
        ports.error ? (
          <Failed error={ports.error} retry={() => ports.refetch()} />
        ) : (
          <Loading what="Looking for listening ports" />
        )
      ) : ports.data.length === 0 ? (
        <Empty icon={<Plug size={24} />} title="Nothing is listening">
          Start your service: it shows up here by itself.
        </Empty>
      ) : (
        <ul>
          {ports.data.map((port) => (
            <PortRow key={`${port.address}:${port.port}`} port={port}>
              {port.mapping_id ? (
                <span className="text-muted">mapped as {label(mappings, port.mapping_id)}</span>
              ) : (
                <Button disabled={expose.isPending} onClick={() => expose.mutate(port)}>
                  Expose
                </Button>
              )}
            </PortRow>
          ))}
        </ul>
      )}
    </Card>
  );
}

/** A port, the project behind it, and how it was started. */
function PortRow({ port, children }: { port: Port; children: React.ReactNode }) {
  const name = [port.project, port.kind ?? port.process].filter(Boolean).join(", ");
  const details = [port.address, port.command, port.folder].filter(Boolean).join(" · ");
  return (
    <li className="grid grid-cols-[3.5rem_1fr_auto] items-center gap-3 border-b border-line px-4 py-2 text-left last:border-b-0">
      <span className="code text-sm font-medium">{port.port}</span>
      <span className="min-w-0">
        <span className="block truncate">{name || "process not known"}</span>
        <span className="code block truncate text-muted" title={details}>
          {details}
        </span>
      </span>
      {children}
    </li>
  );
}

function label(mappings: Mapping[], id: string): string {
  const mapping = mappings.find((one) => one.id === id);
  return mapping?.name ?? mapping?.host ?? id;
}
