import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api } from "@/api/client";
import type { App, AppFacts } from "@/api/host";
import { queries } from "@/api/live";
import type { AppSettings } from "@/api/types";
import { Button } from "@/parts/button";
import { CopyButton } from "@/parts/copy-button";
import { Switch } from "@/parts/field";
import { Card } from "@/parts/screen";
import { Failed, Loading } from "@/parts/states";
import { complain } from "@/parts/toasts";
import { Keys } from "./keys";
import { said } from "./updates";

/** What is on or off. */
type Key = Exclude<keyof AppSettings & string, "shortcut">;

/** Between two looks at what the app knows of itself. */
const FACTS_MS = 1000;

const SWITCHES: [title: string, switches: [key: Key, label: string, help: string][]][] = [
  [
    "Notifications",
    [
      ["notify_visitor", "First visitor", "When somebody comes to a mapping for the first time."],
      ["notify_link", "Link lost and back", "When the gateway was not reached for more than ten seconds."],
      ["notify_service", "Service down", "When requests come and nothing answers them on this computer."],
    ],
  ],
  [
    "Start and stay",
    [
      ["start_at_login", "Start at login", "In the tray, without a window."],
      ["keep_in_tray", "Stay in the tray", "When the window is closed. Otherwise closing it quits Porthole."],
      ["local_api", "Answer in a browser, too", "This page, with its API, on a port of this computer."],
    ],
  ],
];

/** What the app does by itself; each switch holds at once. */
export function ThisApp({ app }: { app: App }) {
  const { data, error, refetch } = useQuery(queries.app);
  const url = useQuery(queries.status).data?.page_url;
  const facts = useQuery({ queryKey: ["app-facts"], queryFn: app.facts, refetchInterval: FACTS_MS }).data;
  return (
    <Card title="This app">
      {data ? (
        <>
          <Switches settings={data}>{facts && <OfTheApp app={app} facts={facts} settings={data} />}</Switches>
          {data.local_api && url && (
            <p className="px-4 pb-4 text-muted">
              In a browser: <span className="code text-ink">{url}</span>
              <CopyButton text={url} label="Copy the page's URL" className="-my-1" />
            </p>
          )}
        </>
      ) : error ? (
        <Failed error={error} retry={() => refetch()} />
      ) : (
        <Loading what="Reading the app's settings" />
      )}
    </Card>
  );
}

/** Changes settings, at once. */
function useChange(settings: AppSettings) {
  const client = useQueryClient();
  return async (change: Partial<AppSettings>) => {
    const wanted = { ...settings, ...change };
    client.setQueryData(["app"], wanted);
    try {
      client.setQueryData(["app"], await api.saveApp(wanted));
    } catch (problem) {
      client.invalidateQueries({ queryKey: ["app"] });
      complain("Not changed", problem);
    }
  };
}

/** What the app itself has to say: newer versions, keys, logs. Nobody looks for versions unasked. */
function OfTheApp({ app, facts, settings }: { app: App; facts: AppFacts; settings: AppSettings }) {
  const change = useChange(settings);
  const { text, button } = said(facts.update);
  return (
    <>
      <Group title="Updates">
        {facts.update.state !== "unknown" && (
          <Switch
            label="Look once a day"
            help="Nothing is installed before you say so."
            checked={settings.check_updates ?? false}
            onChange={(on) => change({ check_updates: on })}
          />
        )}
        <p className="text-muted" role="status">
          {text}
        </p>
        {button && (
          <p>
            <Button onClick={() => app.ask(button.asks)}>{button.label}</Button>
          </p>
        )}
      </Group>
      <Group title="Keys, logs and the end">
        <Keys facts={facts} settings={settings} change={change} />
        <p className="flex gap-2">
          <Button onClick={() => app.ask("open-logs")}>Open log folder</Button>
          <Button onClick={() => app.quit()}>Quit Porthole</Button>
        </p>
      </Group>
    </>
  );
}

function Switches({ settings, children }: { settings: AppSettings; children: ReactNode }) {
  const change = useChange(settings);
  return (
    <div className="grid gap-x-6 gap-y-4 p-4 sm:grid-cols-2">
      {SWITCHES.map(([title, switches]) => (
        <Group key={title} title={title}>
          {switches.map(([key, label, help]) => (
            <Switch
              key={key}
              label={label}
              help={help}
              checked={settings[key] ?? false}
              onChange={(on) => change({ [key]: on })}
            />
          ))}
        </Group>
      ))}
      {children}
    </div>
  );
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <fieldset className="flex flex-col gap-2.5">
      <legend className="mb-2 text-xs font-semibold text-muted">{title}</legend>
      {children}
    </fieldset>
  );
}
