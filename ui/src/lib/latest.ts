import { useCallback, useEffect, useRef } from "react";

/** A function that stays the same and does what the newest one does: rows that get it are not drawn anew. */
export function useLatest<Arguments extends unknown[]>(act: (...given: Arguments) => void) {
  const latest = useRef(act);
  useEffect(() => {
    latest.current = act;
  });
  return useCallback((...given: Arguments) => latest.current(...given), []);
}
