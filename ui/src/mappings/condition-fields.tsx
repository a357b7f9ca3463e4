import { Plus, X } from "lucide-react";
import { useId } from "react";
import { Button, IconButton } from "@/parts/button";
import { type ConditionDraft, MAX_CONDITIONS, PLACES } from "./conditions";
import type { FieldsProps } from "./edit-dialog";

/** What a request must have beside the address, so that several mappings can share one. */
export function ConditionFields({ form, set, error }: FieldsProps) {
  const { conditions } = form;
  const put = (field: string, drafts: ConditionDraft[]) => set("conditions", field)(drafts);
  const change = (index: number, part: Partial<ConditionDraft>) =>
    put(
      `matches.${index}`,
      conditions.map((one, at) => (at === index ? { ...one, ...part } : one)),
    );
  const wrong = error("matches");
  return (
    <fieldset className="flex flex-col gap-2 border-t border-line pt-3 pb-1 md:col-span-2">
      <legend className="sr-only">Conditions</legend>
      <div className="flex items-center gap-2">
        <span className="flex-1 font-medium">Conditions</span>
        <Button
          look="quiet"
          className="h-7"
          disabled={conditions.length >= MAX_CONDITIONS}
          icon={<Plus size={14} />}
          onClick={() => put("conditions", [...conditions, { on: "header", name: "", value: "" }])}
        >
          Add a condition
        </Button>
      </div>
      {conditions.length === 0 && (
        <p className="text-xs text-muted">
          Every request to the address. With a condition, only those that have this header, query parameter or
          cookie.
        </p>
      )}
      {conditions.map((draft, index) => (
        <ConditionRow
          // biome-ignore lint/suspicious/noArrayIndexKey: conditions have no name until it is typed
          key={index}
          number={index + 1}
          draft={draft}
          error={error(`matches.${index}`)}
          onChange={(part) => change(index, part)}
          onRemove={() =>
            put(
              "matches",
              conditions.filter((_, at) => at !== index),
            )
          }
        />
      ))}
      {wrong && <p className="text-xs text-bad">✕ {wrong}</p>}
    </fieldset>
  );
}

function ConditionRow({
  number,
  draft,
  error,
  onChange,
  onRemove,
}: {
  number: number;
  draft: ConditionDraft;
  error: string | undefined;
  onChange: (part: Partial<ConditionDraft>) => void;
  onRemove: () => void;
}) {
  const about = useId();
  return (
    <div>
      <div className="flex items-center gap-2">
        <select
          aria-label={`Condition ${number} looks at`}
          className="control w-40"
          value={draft.on}
          onChange={(event) => onChange({ on: event.target.value as ConditionDraft["on"] })}
        >
          {Object.entries(PLACES).map(([on, label]) => (
            <option key={on} value={on}>
              {label}
            </option>
          ))}
        </select>
        <input
          aria-label={`Name in condition ${number}`}
          aria-describedby={about}
          aria-invalid={Boolean(error)}
          placeholder="name"
          spellCheck={false}
          autoComplete="off"
          className="control min-w-0 flex-1 font-mono text-xs"
          value={draft.name}
          onChange={(event) => onChange({ name: event.target.value })}
        />
        <input
          aria-label={`Value in condition ${number}`}
          placeholder="any value"
          spellCheck={false}
          autoComplete="off"
          className="control min-w-0 flex-1 font-mono text-xs"
          value={draft.value}
          onChange={(event) => onChange({ value: event.target.value })}
        />
        <IconButton label={`Remove condition ${number}`} onClick={onRemove} icon={<X size={14} />} />
      </div>
      <p id={about} className="text-xs text-bad" aria-live="polite">
        {error && `✕ ${error}`}
      </p>
    </div>
  );
}
