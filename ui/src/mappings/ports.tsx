import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plug, RotateCw } from "lucide-react";
import { api } from "@/api/client";
import { queries } from "@/api/live";
import type { Mapping, Port } from "@/api/types";
import { copyText } from "@/lib/copy";
import { Button, IconButton } from "@/parts/button";
import { Card } from "@/parts/screen";
import { Empty, Failed, Loading } from "@/parts/states";
import { complain, say } from "@/parts/toasts";

/** New programs show up by themselves this often, in milliseconds, while one looks. */
const LOOK_EVERY_MS = 5000;

/** What listens on this computer; a click exposes it. */
export function Ports({ mappings }: { mappings: Mapping[] }) {
  const client = useQueryClient();
  const ports = useQuery({ ...queries.ports, refetchInterval: LOOK_EVERY_MS });
  const expose = useMutation({
    mutationFn: (port: Port) => api.addMapping({ target: String(port.port), enabled: true }),
    onSuccess: async (mapping) => {
      client.invalidateQueries({ queryKey: ["mappings"] });
      client.invalidateQueries({ queryKey: ["ports"] });
      const copied = mapping.public_url !== null && (await copyText(mapping.public_url));
      say(
        copied
          ? `Exposed, URL copied: ${mapping.public_url}`
          : "Exposed; its URL comes as soon as the gateway has accepted it",
      );
    },
    onError: (error) => complain("Not exposed", error),
  });
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
      {ports.error ? (
        <Failed error={ports.error} retry={() => ports.refetch()} />
      ) : !ports.data ? (
        <Loading what="Looking for listening ports" />
      ) : ports.data.length === 0 ? (
        <Empty icon={<Plug size={24} />} title="Nothing is listening">
          Start your service: it shows up here by itself.
        </Empty>
      ) : (
        <ul>
          {ports.data.map((port) => (
            <li
              key={`${port.address}:${port.port}`}
              className="grid grid-cols-[4rem_1fr_auto] items-center gap-3 border-b border-line px-4 py-2 last:border-b-0"
            >
              <span className="code text-right text-sm font-medium">{port.port}</span>
              <span className="min-w-0">
                <span className="block truncate">
                  {[port.project, port.kind ?? port.process].filter(Boolean).join(", ") ||
                    "process not known"}
                </span>
                <span className="code block truncate text-muted" title={port.command ?? undefined}>
                  {[port.address, port.command, port.folder].filter(Boolean).join(" · ")}
                </span>
              </span>
              {port.mapping_id ? (
                <span className="text-muted">mapped as {label(mappings, port.mapping_id)}</span>
              ) : (
                <Button disabled={expose.isPending} onClick={() => expose.mutate(port)}>
                  Expose
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function label(mappings: Mapping[], id: string): string {
  const mapping = mappings.find((one) => one.id === id);
  return mapping?.name ?? mapping?.host ?? id;
}
