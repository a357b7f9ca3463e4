import { Activity, ArrowDownUp, Cable, CircleHelp, Command, LogOut, Settings, Waypoints } from "lucide-react";
import type { ReactNode } from "react";
import { api } from "@/api/client";
import type { Session, Status } from "@/api/types";
import { gatewayName, LINK_STATES, LinkMark } from "@/connection/link-state";
import { duration } from "@/lib/format";
import type { Screen } from "@/lib/route";
import { IconButton } from "@/parts/button";
import { cx } from "@/parts/class";
import { complain } from "@/parts/toasts";
import { Mark } from "./mark";
import { ThemeButton } from "./theme-button";

const ITEMS: { screen: Screen; label: string; icon: ReactNode }[] = [
  { screen: "exchanges", label: "Exchanges", icon: <ArrowDownUp size={16} /> },
  { screen: "mappings", label: "Mappings", icon: <Waypoints size={16} /> },
  { screen: "connection", label: "Connection", icon: <Cable size={16} /> },
  { screen: "traffic", label: "Traffic", icon: <Activity size={16} /> },
  { screen: "settings", label: "Settings", icon: <Settings size={16} /> },
];

export function Navigation({
  screen,
  status,
  session,
  onPalette,
  onHelp,
}: {
  screen: Screen;
  status: Status | undefined;
  session: Session;
  onPalette: () => void;
  onHelp: () => void;
}) {
  const logout = () =>
    api.logout().then(
      () => location.reload(),
      (error) => complain("Not signed out", error),
    );
  return (
    <header className="flex w-48 shrink-0 flex-col gap-4 border-r border-line bg-sunken p-3 max-lg:w-14 max-md:w-full max-md:flex-row max-md:items-center max-md:border-r-0 max-md:border-b max-md:p-1.5">
      <div className="flex items-center gap-2 px-1 max-md:hidden">
        <Mark />
        <span className="text-base font-semibold max-lg:sr-only">Porthole</span>
      </div>
      <nav aria-label="Screens" className="flex flex-1 flex-col gap-0.5 max-md:flex-row">
        {ITEMS.map((item) => (
          <a
            key={item.screen}
            href={`#/${item.screen}`}
            aria-current={item.screen === screen ? "page" : undefined}
            title={item.label}
            className="flex items-center gap-2 rounded-md px-2 py-1.5 text-muted hover:bg-hover hover:text-ink aria-[current]:bg-selected aria-[current]:font-medium aria-[current]:text-ink"
          >
            {item.icon}
            <span className="max-lg:sr-only">{item.label}</span>
          </a>
        ))}
      </nav>
      {status && <StatusLine status={status} />}
      <div className="flex flex-wrap gap-0.5 max-md:flex-nowrap">
        <ThemeButton />
        <IconButton label="Command palette" keys="Ctrl K" onClick={onPalette} icon={<Command size={16} />} />
        <IconButton label="Help" keys="?" onClick={onHelp} icon={<CircleHelp size={16} />} />
        {session.login_required && (
          <IconButton label={`Sign out ${session.user ?? ""}`} onClick={logout} icon={<LogOut size={16} />} />
        )}
      </div>
    </header>
  );
}

/** The link to the gateway in three short lines. */
function StatusLine({ status }: { status: Status }) {
  const state = LINK_STATES[status.state] ?? LINK_STATES.closed;
  return (
    <a
      href="#/connection"
      className="flex items-start gap-2 rounded-md px-2 py-1.5 hover:bg-hover max-md:hidden"
      title={status.message ?? `${state.label}: ${status.gateway}`}
    >
      <span className="mt-0.5">
        <LinkMark state={status.state} />
      </span>
      <span className="flex min-w-0 flex-col text-xs max-lg:sr-only">
        <span className={cx("font-medium", state.className)}>{state.label}</span>
        <span className="truncate text-muted">{status.trial ? "trial gateway" : gatewayName(status)}</span>
        {status.state === "connected" && status.latency_ms != null && (
          <span className="text-muted">{duration(status.latency_ms * 1000)}</span>
        )}
      </span>
    </a>
  );
}
