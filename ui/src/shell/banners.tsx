import { CircleAlert, CloudOff, DatabaseZap } from "lucide-react";
import type { ReactNode } from "react";
import { api } from "@/api/client";
import { useReachable } from "@/api/live";
import type { Status } from "@/api/types";
import { LINK_STATES } from "@/connection/link-state";
import { complain } from "@/parts/toasts";

/** What is not as it should be, across the top: at most one line for each. */
export function Banners({ status }: { status: Status | undefined }) {
  const reachable = useReachable();
  const reconnect = () => api.reconnect().catch((error) => complain("Not reconnected", error));
  return (
    <div aria-live="polite">
      {!reachable && (
        <Banner bad icon={<CloudOff size={16} />}>
          Porthole does not answer: what is shown may be old. Is <code>porthole</code> still running? Trying
          again.
        </Banner>
      )}
      {reachable && status && status.state !== "connected" && status.state !== "connecting" && (
        <Banner bad icon={<CloudOff size={16} />} action={{ label: "Reconnect", act: reconnect }}>
          {LINK_STATES[status.state]?.label ?? status.state}: {status.message ?? "no link to the gateway"}
        </Banner>
      )}
      {status?.capture.state === "paused" && (
        <Banner icon={<DatabaseZap size={16} />}>
          Capture is paused: {status.capture.reason ?? "exchanges cannot be stored"}. Traffic goes on; nothing
          of it is kept.
        </Banner>
      )}
      {status?.warnings.map((warning) => (
        <Banner key={warning.code + (warning.mapping_id ?? "")} icon={<CircleAlert size={16} />}>
          {warning.message}
        </Banner>
      ))}
    </div>
  );
}

function Banner({
  icon,
  bad,
  action,
  children,
}: {
  icon: ReactNode;
  bad?: boolean;
  action?: { label: string; act: () => void };
  children: ReactNode;
}) {
  return (
    <div
      className={`flex items-center gap-2 border-b border-line px-4 py-1.5 ${bad ? "bg-bad-soft text-bad" : "bg-warn-soft text-warn"}`}
    >
      <span className="shrink-0">{icon}</span>
      <p className="min-w-0 flex-1">{children}</p>
      {action && (
        <button
          type="button"
          className="shrink-0 rounded-md border border-current px-2 py-0.5 font-medium"
          onClick={action.act}
        >
          {action.label}
        </button>
      )}
    </div>
  );
}
