import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useState } from "react";
import { listen, queries } from "@/api/live";
import type { Session } from "@/api/types";
import { ExchangesScreen } from "@/exchanges/screen";
import { useKeys } from "@/lib/keys";
import { go, useRoute } from "@/lib/route";
import { Loading } from "@/parts/states";
import { Banners } from "./banners";
import { Help } from "./help";
import { Navigation } from "./navigation";
import { Palette } from "./palette";

const MappingsScreen = lazy(() => import("@/mappings/screen"));
const ConnectionScreen = lazy(() => import("@/connection/screen"));
const TrafficScreen = lazy(() => import("@/traffic/screen"));
const GatewayScreen = lazy(() => import("@/gateway/screen"));
const SettingsScreen = lazy(() => import("@/settings/screen"));

/** The page around its screens. */
export function Shell({ session }: { session: Session }) {
  const client = useQueryClient();
  const { screen } = useRoute();
  const [over, setOver] = useState<"palette" | "help" | null>(null);
  const status = useQuery(queries.status).data;
  useEffect(() => listen(client), [client]);
  useKeys({
    "?": () => setOver("help"),
    "Mod+k": () => setOver(over === "palette" ? null : "palette"),
    "1": () => go({ screen: "exchanges" }),
    "2": () => go({ screen: "mappings" }),
    "3": () => go({ screen: "connection" }),
    "4": () => go({ screen: "traffic" }),
    "5": () => go({ screen: "settings" }),
    "Mod+,": () => go({ screen: "settings" }),
  });
  return (
    <div className="flex h-full max-md:flex-col">
      <Navigation
        screen={screen}
        status={status}
        session={session}
        onPalette={() => setOver("palette")}
        onHelp={() => setOver("help")}
      />
      <div className="flex min-h-0 min-w-0 flex-1 flex-col">
        <Banners status={status} />
        <main className="min-h-0 flex-1">
          <Suspense fallback={<Loading what="Loading" />}>
            {screen === "exchanges" && <ExchangesScreen />}
            {screen === "mappings" && <MappingsScreen />}
            {screen === "connection" && <ConnectionScreen />}
            {screen === "traffic" && <TrafficScreen />}
            {screen === "gateway" && <GatewayScreen />}
            {screen === "settings" && <SettingsScreen session={session} />}
          </Suspense>
        </main>
      </div>
      {over === "help" && <Help onClose={() => setOver(null)} />}
      {over === "palette" && <Palette onClose={() => setOver(null)} onHelp={() => setOver("help")} />}
    </div>
  );
}
