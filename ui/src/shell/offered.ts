import { useEffect } from "react";
import type { Command } from "./commands";

let offered: readonly Command[] = [];

/** Commands of the screen that is shown. */
export function offeredCommands(): readonly Command[] {
  return offered;
}

/** Puts a screen's own commands into the palette as long as it is shown. */
export function useOffer(commands: readonly Command[]): void {
  useEffect(() => {
    offered = commands;
    return () => {
      offered = [];
    };
  }, [commands]);
}
