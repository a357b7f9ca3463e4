import { useQuery, useQueryClient } from "@tanstack/react-query";
import { ClipboardList } from "lucide-react";
import { useState } from "react";
import { api, host } from "@/api/client";
import { queries } from "@/api/live";
import type { Session, Settings } from "@/api/types";
import { copyText } from "@/lib/copy";
import type { Theme } from "@/lib/theme";
import { Button } from "@/parts/button";
import { Field, Switch, TextField } from "@/parts/field";
import { Card, ScreenFrame } from "@/parts/screen";
import { Failed, Loading, Notice } from "@/parts/states";
import { complain, say } from "@/parts/toasts";
import { useSubmit } from "@/parts/use-submit";
import { useTheme } from "@/shell/theme-button";
import { formOf, read, type SettingsForm } from "./form";
import { ThisApp } from "./this-app";

export default function SettingsScreen({ session }: { session: Session }) {
  const settings = useQuery(queries.settings);
  const status = useQuery(queries.status).data;
  const [theme, setTheme] = useTheme();
  return (
    <ScreenFrame
      title="Settings"
      about="They hold for this computer's engine, but for the look, which is this browser's."
    >
      <Card title="What is kept">
        {settings.data ? (
          <Kept settings={settings.data} />
        ) : settings.error ? (
          <Failed error={settings.error} retry={() => settings.refetch()} />
        ) : (
          <Loading what="Reading settings" />
        )}
      </Card>
      <Card title="Gateway">
        <p className="flex flex-wrap items-center gap-3 px-4 py-3">
          <span className="min-w-0 flex-1">
            {status?.trial ? (
              "The trial gateway on this computer"
            ) : (
              <span className="code">{status?.gateway}</span>
            )}
          </span>
          <a className="font-medium text-accent hover:underline" href="#/gateway">
            Use another…
          </a>
        </p>
      </Card>
      {host.app && <ThisApp app={host.app} />}
      <Card title="Look">
        <div className="w-72 px-4 pt-3">
          <Field label="Colours">
            {(given) => (
              <select
                {...given}
                className="control w-full"
                value={theme}
                onChange={(event) => setTheme(event.target.value as Theme)}
              >
                <option value="system">as the system has them</option>
                <option value="light">light</option>
                <option value="dark">dark</option>
              </select>
            )}
          </Field>
        </div>
      </Card>
      <Card title="About">
        <p className="px-4 py-3 text-muted">
          Porthole {status?.version}, process {status?.pid}.{" "}
          {session.user ? `Signed in as ${session.user}. ` : ""}
          What is captured stays on this computer; nothing on this page is loaded from elsewhere.
        </p>
        <p className="px-4 pb-3">
          <Button icon={<ClipboardList size={14} />} onClick={copyDiagnostics}>
            Copy diagnostics
          </Button>
        </p>
      </Card>
    </ScreenFrame>
  );
}

/** For a report of what went wrong; the engine leaves secrets out. */
async function copyDiagnostics() {
  try {
    if (await copyText(await api.diagnostics())) say("Diagnostics copied, without secrets");
    else complain("Not copied", "the browser does not allow it here");
  } catch (error) {
    complain("Not copied", error);
  }
}

function Kept({ settings }: { settings: Settings }) {
  const client = useQueryClient();
  const [form, setForm] = useState<SettingsForm>(() => formOf(settings));
  const { busy, problem, refused, submit, forget } = useSubmit();
  const made = read(form, settings);
  const errors: Record<string, string> = { ...refused, ...("errors" in made ? made.errors : {}) };
  const changed = JSON.stringify(form) !== JSON.stringify(formOf(settings));
  const set =
    <K extends keyof SettingsForm>(key: K) =>
    (value: SettingsForm[K]) => {
      setForm((before) => ({ ...before, [key]: value }));
      forget(key);
    };
  const save = () => {
    if ("errors" in made) return;
    submit(async () => {
      const saved = await api.saveSettings(made.settings);
      client.setQueryData(["settings"], saved);
      setForm(formOf(saved));
      say("Settings saved");
    });
  };
  return (
    <form
      className="flex flex-col gap-2 p-4"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      {problem && <Notice bad>{problem}</Notice>}
      <Switch
        label="Capture"
        help="Off: traffic goes on, and nothing of it is kept."
        checked={form.capture}
        onChange={set("capture")}
      />
      <div className="mt-2 grid gap-x-5 gap-y-2 sm:grid-cols-2">
        <TextField
          label="Days"
          inputMode="numeric"
          help="Older exchanges are forgotten; pinned ones stay."
          value={form.keep_days}
          error={errors.keep_days}
          onChange={set("keep_days")}
        />
        <TextField
          label="Exchanges"
          inputMode="numeric"
          help="At most so many."
          value={form.keep_exchanges}
          error={errors.keep_exchanges}
          onChange={set("keep_exchanges")}
        />
        <TextField
          label="Bodies in all, MiB"
          inputMode="decimal"
          help="The oldest go first."
          value={form.keep_bytes}
          error={errors.keep_bytes}
          onChange={set("keep_bytes")}
        />
        <TextField
          label="Of one body, MiB"
          inputMode="decimal"
          help="The rest passes through and is counted, not kept."
          value={form.body_bytes}
          error={errors.body_bytes}
          onChange={set("body_bytes")}
        />
      </div>
      <div className="flex justify-end">
        <Button look="primary" type="submit" disabled={!changed || busy || "errors" in made}>
          {busy ? "Saving…" : "Save"}
        </Button>
      </div>
    </form>
  );
}
