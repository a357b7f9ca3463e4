import type { AppFacts } from "@/api/host";
import type { AppSettings } from "@/api/types";
import { Field } from "@/parts/field";
import { combination, help } from "./shortcut";

interface KeysProps {
  facts: AppFacts;
  settings: AppSettings;
  change: (change: Partial<AppSettings>) => void;
}

/** The keys that open the window: pressed, not typed. */
export function Keys({ facts, settings, change }: KeysProps) {
  const { shortcut } = facts;
  const refused = shortcut.state === "refused" ? help(shortcut) : undefined;
  return (
    <Field label="Keys that open this window" help={help(shortcut)} error={refused}>
      {(given) => (
        <input
          {...given}
          className="control w-full"
          readOnly
          disabled={shortcut.state === "absent"}
          placeholder="none"
          value={settings.shortcut ?? ""}
          onKeyDown={(event) => {
            const keys = combination(event.nativeEvent);
            if (keys) {
              event.preventDefault();
              change({ shortcut: keys });
            } else if (event.key === "Delete" || event.key === "Backspace") change({ shortcut: null });
          }}
        />
      )}
    </Field>
  );
}
