import { type QueryClient, useMutation, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { Mapping, Port } from "@/api/types";
import { copyText } from "@/lib/copy";
import { complain, say } from "@/parts/toasts";

/** How long the gateway may take to accept a mapping before its URL is no longer waited for, in milliseconds. */
const URL_WITHIN_MS = 10_000;

/** Makes a mapping for a port and puts its URL on the clipboard. */
export function useExpose() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (port: Port) => api.addMapping({ target: String(port.port), enabled: true }),
    onSuccess: async (mapping) => {
      client.invalidateQueries({ queryKey: ["mappings"] });
      client.invalidateQueries({ queryKey: ["ports"] });
      const url = mapping.public_url ?? (await publicUrl(client, mapping.id));
      if (url === null) say("Exposed; its URL comes as soon as the gateway has accepted it");
      else say((await copyText(url)) ? `Exposed, URL copied: ${url}` : `Exposed: ${url}`);
    },
    onError: (error) => complain("Not exposed", error),
  });
}

/** The mapping's URL once the engine tells of it, or null after a while. */
function publicUrl(client: QueryClient, id: string): Promise<string | null> {
  const known = () =>
    client.getQueryData<Mapping[]>(["mappings"])?.find((one) => one.id === id)?.public_url ?? null;
  return new Promise((resolve) => {
    const look = () => {
      if (known() !== null) finish();
    };
    const finish = () => {
      clearTimeout(late);
      stop();
      resolve(known());
    };
    const late = setTimeout(finish, URL_WITHIN_MS);
    const stop = client.getQueryCache().subscribe(look);
    look();
  });
}
