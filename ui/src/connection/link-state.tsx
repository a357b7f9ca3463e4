import { Ban, CircleCheck, CircleDashed, CloudOff, Hourglass } from "lucide-react";
import type { LinkState, Status } from "@/api/types";

/** How each state looks and is called: a shape of its own as well as a colour. */
export const LINK_STATES = {
  connected: { label: "Connected", className: "text-ok", Icon: CircleCheck },
  connecting: { label: "Connecting", className: "text-info", Icon: CircleDashed },
  waiting: { label: "Waiting to reconnect", className: "text-warn", Icon: Hourglass },
  refused: { label: "Refused", className: "text-bad", Icon: Ban },
  closed: { label: "Not connected", className: "text-muted", Icon: CloudOff },
} satisfies Record<LinkState, { label: string; className: string; Icon: typeof Ban }>;

/** The gateway without what every URL has. */
export function gatewayName(status: Status): string {
  return status.gateway.replace(/^[a-z]+:\/\//, "").replace(/\/$/, "");
}

export function LinkMark({ state, size = 16 }: { state: LinkState; size?: number }) {
  const { Icon, className } = LINK_STATES[state] ?? LINK_STATES.closed;
  return <Icon size={size} className={`shrink-0 ${className}`} aria-hidden="true" />;
}
