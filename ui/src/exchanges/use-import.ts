import { useState } from "react";
import { api } from "@/api/client";
import { go } from "@/lib/route";
import { complain, say } from "@/parts/toasts";
import { importedSentence } from "./imported";
import type { ListStore } from "./list-store";

export interface Import {
  /** The file that is being taken in. */
  name: string | null;
  take: (files: Iterable<File>) => Promise<void>;
}

/** Takes in HAR archives, one after the other. */
export function useImport(store: ListStore): Import {
  const [name, setName] = useState<string | null>(null);
  const take = async (files: Iterable<File>) => {
    for (const file of files) {
      setName(file.name);
      try {
        const imported = await api.importHar(file);
        say(importedSentence(imported), {
          label: "Show",
          act: () => go({ screen: "exchanges", id: null, filter: "is:import" }),
        });
        store.reload();
      } catch (error) {
        complain(`${file.name} was not taken in`, error);
      }
    }
    setName(null);
  };
  return { name, take };
}
