import type { Exchange } from "@/api/types";

/** The exchanges that one is usually compared with: its original, then its replays, the newest first. */
export function related(
  exchange: Pick<Exchange, "id" | "original_id" | "replays">,
): { id: number; what: string }[] {
  const original = exchange.original_id === null ? [] : [{ id: exchange.original_id, what: "the original" }];
  const replays = [...exchange.replays].sort((a, b) => b - a).map((id) => ({ id, what: "its replay" }));
  return original.concat(replays).filter((one) => one.id !== exchange.id);
}
