import type { App, AppFacts } from "@/api/host";

/** A sentence about newer versions, and what can be done about them. */
export interface Said {
  text: string;
  button?: { label: string; asks: Parameters<App["ask"]>[0] };
}

export function said(update: AppFacts["update"]): Said {
  const look = { label: "Check now", asks: "look-for-updates" } as const;
  switch (update.state) {
    case "unknown":
      return { text: "This build was made without a place to look for newer versions." };
    case "idle":
      return { text: "Nobody has looked since Porthole started.", button: look };
    case "looking":
      return { text: "Looking…" };
    case "current":
      return { text: "This is the newest version.", button: look };
    case "newer":
      return newer(update.version, update.how);
    case "fetching":
      return { text: `Fetching version ${update.version}…` };
    case "waiting": {
      const requests = update.open === 1 ? "a request" : `${update.open} requests`;
      return { text: `Version ${update.version} is here, and waits for ${requests} to end.` };
    }
  }
}

function newer(version: string, how: "install" | "page" | "told"): Said {
  const there = `Version ${version} is there.`;
  switch (how) {
    case "install":
      return { text: there, button: { label: "Install and restart", asks: "install-update" } };
    case "page":
      return {
        text: `${there} Update it the way it was installed.`,
        button: { label: "Open its page", asks: "open-update-page" },
      };
    case "told":
      return { text: `${there} Update it the way it was installed.` };
  }
}
