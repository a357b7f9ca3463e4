import { Plus, X } from "lucide-react";
import { useId } from "react";
import { Button, IconButton } from "@/parts/button";
import type { FieldsProps } from "./edit-dialog";
import { CHANGES, HEADS, type HeaderDraft, MAX_HEADERS } from "./headers";

/** What is changed of the header fields that pass, both ways. */
export function HeaderFields({ form, set, error }: FieldsProps) {
  const { headers } = form;
  const put = (field: string, drafts: HeaderDraft[]) => set("headers", field)(drafts);
  const wrong = error("policy.request_headers") ?? error("policy.response_headers");
  return (
    <fieldset className="flex flex-col gap-2 border-t border-line pt-3 pb-1 md:col-span-2">
      <legend className="sr-only">Header fields</legend>
      <div className="flex items-center gap-2">
        <span className="flex-1 font-medium">Header fields</span>
        <Button
          look="quiet"
          className="h-7"
          disabled={headers.length >= 2 * MAX_HEADERS}
          icon={<Plus size={14} />}
          onClick={() =>
            put("headers", [...headers, { head: "request", change: "set", name: "", value: "" }])
          }
        >
          Change a field
        </Button>
      </div>
      {headers.length === 0 && <p className="text-xs text-muted">All pass as they are.</p>}
      {headers.map((draft, index) => (
        <HeaderRow
          // biome-ignore lint/suspicious/noArrayIndexKey: fields have no name until it is typed
          key={index}
          number={index + 1}
          draft={draft}
          error={error(`headers.${index}`)}
          onChange={(part) => {
            const changed = headers.map((one, at) => (at === index ? { ...one, ...part } : one));
            put(`headers.${index}`, changed);
            set("headers", `policy.${part.head ?? draft.head}_headers`)(changed);
          }}
          onRemove={() =>
            put(
              `policy.${draft.head}_headers`,
              headers.filter((_, at) => at !== index),
            )
          }
        />
      ))}
      {wrong && <p className="text-xs text-bad">✕ {wrong}</p>}
    </fieldset>
  );
}

function HeaderRow({
  number,
  draft,
  error,
  onChange,
  onRemove,
}: {
  number: number;
  draft: HeaderDraft;
  error: string | undefined;
  onChange: (part: Partial<HeaderDraft>) => void;
  onRemove: () => void;
}) {
  const about = useId();
  return (
    <div>
      <div className="flex items-center gap-2">
        <select
          aria-label={`What is done to field ${number}`}
          className="control w-24"
          value={draft.change}
          onChange={(event) => onChange({ change: event.target.value as HeaderDraft["change"] })}
        >
          {Object.entries(CHANGES).map(([change, label]) => (
            <option key={change} value={change}>
              {label}
            </option>
          ))}
        </select>
        <input
          aria-label={`Name of field ${number}`}
          aria-describedby={about}
          aria-invalid={Boolean(error)}
          placeholder="X-Env"
          spellCheck={false}
          autoComplete="off"
          className="control min-w-0 flex-1 font-mono text-xs"
          value={draft.name}
          onChange={(event) => onChange({ name: event.target.value })}
        />
        {draft.change !== "remove" && (
          <input
            aria-label={`Value of field ${number}`}
            aria-describedby={about}
            placeholder="value"
            spellCheck={false}
            autoComplete="off"
            className="control min-w-0 flex-1 font-mono text-xs"
            value={draft.value}
            onChange={(event) => onChange({ value: event.target.value })}
          />
        )}
        <select
          aria-label={`Whose field ${number} is`}
          className="control w-32"
          value={draft.head}
          onChange={(event) => onChange({ head: event.target.value as HeaderDraft["head"] })}
        >
          {Object.entries(HEADS).map(([head, label]) => (
            <option key={head} value={head}>
              {label}
            </option>
          ))}
        </select>
        <IconButton label={`Leave field ${number} as it is`} onClick={onRemove} icon={<X size={14} />} />
      </div>
      <p id={about} className="text-xs text-bad" aria-live="polite">
        {error && `✕ ${error}`}
      </p>
    </div>
  );
}
