import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useSyncExternalStore } from "react";
import { sentence } from "@/api/problem";

interface Toast {
  id: number;
  text: string;
  bad: boolean;
  action?: { label: string; act: () => void } | undefined;
}

/** Notes at once on the screen; older ones give way. */
const MAX_TOASTS = 4;
/** Time to read a line and reach for its button, in milliseconds. What went wrong stays until it is closed. */
const STAY_MS = 6000;

let toasts: Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();

function put(list: Toast[]): void {
  toasts = list.slice(-MAX_TOASTS);
  for (const listener of listeners) listener();
}

/** Says what was done. */
export function say(text: string, action?: Toast["action"]): void {
  const id = next++;
  put([...toasts, { id, text, bad: false, action }]);
  setTimeout(() => put(toasts.filter((toast) => toast.id !== id)), STAY_MS);
}

/** Says what could not be done, and why. */
export function complain(what: string, error: unknown): void {
  put([...toasts, { id: next++, text: `${what}: ${sentence(error)}`, bad: true }]);
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <section
      aria-label="Notes"
      aria-live="polite"
      className="pointer-events-none fixed right-4 bottom-4 z-50 flex w-96 max-w-[calc(100vw-2rem)] flex-col gap-2"
    >
      {shown.map((toast) => (
        <div
          key={toast.id}
          className="pointer-events-auto flex items-start gap-2 rounded-lg border border-line bg-raised px-3 py-2 shadow-float"
        >
          {toast.bad ? (
            <CircleAlert size={16} className="mt-0.5 shrink-0 text-bad" aria-label="Failed" />
          ) : (
            <CircleCheck size={16} className="mt-0.5 shrink-0 text-ok" aria-label="Done" />
          )}
          <p className="min-w-0 flex-1 break-words">{toast.text}</p>
          {toast.action && (
            <button
              type="button"
              className="font-medium text-accent hover:underline"
              onClick={toast.action.act}
            >
              {toast.action.label}
            </button>
          )}
          <button
            type="button"
            aria-label="Close"
            className="rounded text-muted hover:text-ink"
            onClick={() => put(toasts.filter((one) => one.id !== toast.id))}
          >
            <X size={16} />
          </button>
        </div>
      ))}
    </section>
  );
}
