import { useCallback, useEffect, useRef, useState } from "react";
import { api } from "@/api/client";
import type { Exchange, Frame } from "@/api/types";

/** Frames of one answer. */
const PAGE = 500;
/** Frames held by the page; the rest is in the export. */
export const MAX_FRAMES = 20_000;
/** While it is open, how often new ones are asked for, in milliseconds. */
const POLL_MS = 1000;

export interface Frames {
  frames: Frame[];
  /** There are more than were read so far. */
  more: boolean;
  loading: boolean;
  error: unknown;
}

const NONE: Frames = { frames: [], more: false, loading: true, error: null };

/** The frames of an exchange, and while it is open those that come. */
export function useFrames({ id, state }: Pick<Exchange, "id" | "state">): [Frames, () => void] {
  const [view, setView] = useState(NONE);
  const asked = useRef<Promise<void>>(undefined);
  const last = useRef<number>(undefined);
  const read = useCallback(() => {
    asked.current ??= api
      .frames(id, last.current, PAGE)
      .then(
        (page) => {
          last.current = page.frames.at(-1)?.seq ?? last.current;
          setView((before) => {
            const frames = before.frames.concat(page.frames).slice(0, MAX_FRAMES);
            const more = page.next_after !== null && frames.length < MAX_FRAMES;
            return { frames, more, loading: false, error: null };
          });
        },
        (error) => setView((before) => ({ ...before, loading: false, error })),
      )
      .finally(() => {
        asked.current = undefined;
      });
  }, [id]);
  // Once more when it has ended: what came last.
  useEffect(() => {
    read();
    if (state !== "open") return;
    const timer = setInterval(read, POLL_MS);
    return () => clearInterval(timer);
  }, [read, state]);
  return [view, read];
}
