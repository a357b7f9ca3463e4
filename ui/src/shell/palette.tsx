import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import { queries } from "@/api/live";
import type { Mapping } from "@/api/types";
import { copyText } from "@/lib/copy";
import { go } from "@/lib/route";
import { Dialog } from "@/parts/dialog";
import { Keys } from "@/parts/tip";
import { complain, say } from "@/parts/toasts";
import { type Command, matching } from "./commands";
import { offeredCommands } from "./offered";
import { useTheme } from "./theme-button";

/** Commands seen at once. */
const MAX_SHOWN = 12;

export function Palette({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const found = matching(useCommands(onHelp), typed);
  // It fits whatever was typed, so it comes last.
  const commands = typed.trim()
    ? [...found.slice(0, MAX_SHOWN - 1), searchFor(typed.trim())]
    : found.slice(0, MAX_SHOWN);
  const current = Math.min(at, commands.length - 1);
  const run = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    command.act();
  };
  return (
    <Dialog title="Command palette" onClose={onClose}>
      <div className="flex min-h-0 flex-col p-3">
        <input
          autoFocus
          className="control w-full"
          placeholder="Type a command, a mapping or a word to search for"
          aria-label="Command"
          role="combobox"
          aria-expanded="true"
          aria-controls="palette"
          aria-activedescendant={commands.length > 0 ? `palette-${current}` : undefined}
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            setAt(0);
          }}
          onKeyDown={(event) => {
            const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
            if (step && commands.length > 0) setAt((current + step + commands.length) % commands.length);
            if (event.key === "Enter") run(commands[current]);
            if (step || event.key === "Enter") event.preventDefault();
          }}
        />
        <div id="palette" role="listbox" aria-label="Commands" className="mt-2 min-h-0 overflow-auto">
          {commands.map((command, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: keys are pressed in the box above
            <div
              key={command.label + (command.about ?? "")}
              id={`palette-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === current}
              className="flex cursor-pointer items-center gap-2 rounded-md px-2 py-1.5 aria-selected:bg-selected"
              onMouseMove={() => setAt(index)}
              onClick={() => run(command)}
            >
              <span>{command.label}</span>
              <span className="min-w-0 flex-1 truncate text-muted">{command.about}</span>
              {command.keys && <Keys keys={command.keys} />}
            </div>
          ))}
        </div>
      </div>
    </Dialog>
  );
}

const show = (filter: string) => go({ screen: "exchanges", id: null, filter });

function searchFor(text: string): Command {
  return { label: "Search exchanges for", about: text, act: () => show(text) };
}

function useCommands(onHelp: () => void): Command[] {
  const mappings = useQuery(queries.mappings).data ?? [];
  const [, setTheme] = useTheme();
  return [
    ...offeredCommands(),
    { label: "Go to exchanges", keys: "1", act: () => go({ screen: "exchanges" }) },
    { label: "Go to mappings", keys: "2", act: () => go({ screen: "mappings" }) },
    { label: "Go to connection", keys: "3", act: () => go({ screen: "connection" }) },
    { label: "Go to traffic", keys: "4", act: () => go({ screen: "traffic" }) },
    { label: "Go to settings", keys: "5", act: () => go({ screen: "settings" }) },
    { label: "Use another gateway", act: () => go({ screen: "gateway" }) },
    ...mappings.flatMap(mappingCommands),
    { label: "Show failed exchanges", about: "is:failed", act: () => show("is:failed") },
    { label: "Show pinned exchanges", about: "is:pinned", act: () => show("is:pinned") },
    { label: "Reconnect to the gateway", act: () => attempt("Not reconnected", api.reconnect()) },
    { label: "Dark look", act: () => setTheme("dark") },
    { label: "Light look", act: () => setTheme("light") },
    { label: "Look as the system has it", act: () => setTheme("system") },
    { label: "Keys and search help", keys: "?", act: onHelp },
  ];
}

function mappingCommands(mapping: Mapping): Command[] {
  const name = mapping.name ?? mapping.host ?? mapping.target;
  const url = mapping.public_url;
  return [
    ...(url
      ? [
          {
            label: "Copy URL",
            about: url,
            act: () => copyText(url).then((done) => done && say("URL copied")),
          },
        ]
      : []),
    {
      label: mapping.enabled ? "Pause" : "Resume",
      about: name,
      act: () => attempt("Not changed", api.enableMapping(mapping.id, !mapping.enabled)),
    },
  ];
}

function attempt(what: string, work: Promise<unknown>): void {
  work.catch((error) => complain(what, error));
}
