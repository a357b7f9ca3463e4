import { useEffect } from "react";
import type { Session } from "@/api/types";

const MARK = "porthole.reloaded";

/**
 * Without a login the session ends with the engine's process and comes with the document: where it is
 * lost, the page loads anew, once.
 */
export function useFreshSession(session: Session | undefined): void {
  useEffect(() => {
    if (!session) return;
    if (session.signed_in || session.login_required) {
      sessionStorage.removeItem(MARK);
    } else if (!sessionStorage.getItem(MARK)) {
      sessionStorage.setItem(MARK, "1");
      location.reload();
    }
  }, [session]);
}
