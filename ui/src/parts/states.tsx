import { CircleAlert, LoaderCircle } from "lucide-react";
import type { ReactNode } from "react";
import { sentence } from "@/api/problem";
import { Button } from "./button";

/** Nothing is here, why, and what to do. */
export function Empty({ icon, title, children }: { icon?: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className="flex h-full flex-col items-center justify-center gap-2 p-8 text-center">
      {icon && <div className="text-muted">{icon}</div>}
      <h2 className="text-base font-semibold">{title}</h2>
      {children && <div className="max-w-md text-muted">{children}</div>}
    </div>
  );
}

export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div role="alert" className="flex h-full flex-col items-center justify-center gap-3 p-8 text-center">
      <CircleAlert size={24} className="text-bad" />
      <p className="max-w-md">{sentence(error)}</p>
      {retry && <Button onClick={retry}>Try again</Button>}
    </div>
  );
}

export function Loading({ what }: { what: string }) {
  return (
    <div role="status" className="flex h-full items-center justify-center gap-2 p-8 text-muted">
      <LoaderCircle size={16} className="animate-spin" />
      {what}…
    </div>
  );
}

/** A line across: something is not as it should be, or worth knowing. */
export function Notice({ bad, children }: { bad?: boolean; children: ReactNode }) {
  return (
    <p
      role={bad ? "alert" : "note"}
      className={`flex items-start gap-2 rounded-md px-2.5 py-1.5 text-xs ${bad ? "bg-bad-soft text-bad" : "bg-warn-soft text-warn"}`}
    >
      <CircleAlert size={14} className="mt-0.5 shrink-0" />
      <span className="min-w-0 break-words">{children}</span>
    </p>
  );
}
