import { Plus, X } from "lucide-react";
import { useId } from "react";
import { Button, IconButton } from "@/parts/button";
import { Switch, TextField } from "@/parts/field";
import type { FieldsProps } from "./edit-dialog";
import { type AnswerDraft, isRedirect, MAX_ANSWERS } from "./rules";

/** What is asked of requests, and what the gateway answers by itself. */
export function RuleFields({ form, set, error }: FieldsProps) {
  return (
    <>
      <TextField
        mono
        label="Longest body"
        placeholder="10MB"
        help="Longer requests are refused."
        value={form.maxBody}
        error={error("policy.max_body")}
        onChange={set("maxBody", "policy.max_body")}
      />
      <TextField
        mono
        label="Methods"
        placeholder="GET POST"
        help="Empty: all."
        value={form.methods}
        error={error("policy.allow_methods")}
        onChange={set("methods", "policy.allow_methods")}
      />
      <TextField
        mono
        label="Public paths"
        placeholder="/hooks"
        help="Nobody is asked for a password there."
        value={form.publicPaths}
        error={error("policy.public_paths")}
        onChange={set("publicPaths", "policy.public_paths")}
      />
      <TextField
        mono
        label="Private paths"
        placeholder="/admin"
        help="Served to nobody. The longest path counts."
        value={form.privatePaths}
        error={error("policy.private_paths")}
        onChange={set("privatePaths", "policy.private_paths")}
      />
      <div className="pb-3 md:col-span-2">
        <Switch
          label="Maintenance"
          help="Visitors are told to come back later; nothing reaches the service."
          checked={form.maintenance}
          onChange={set("maintenance", "policy.maintenance")}
        />
      </div>
      {form.maintenance && (
        <>
          <TextField
            label="Sentence for visitors"
            placeholder="Back at noon."
            help="Empty: one of the gateway's."
            value={form.maintenanceSentence}
            onChange={set("maintenanceSentence", "policy.maintenance")}
          />
          <TextField
            label="Try again after"
            inputMode="numeric"
            help="Seconds."
            value={form.maintenanceRetry}
            error={error("policy.maintenance")}
            onChange={set("maintenanceRetry", "policy.maintenance")}
          />
        </>
      )}
      <AnswerFields form={form} set={set} error={error} />
    </>
  );
}

function AnswerFields({ form, set, error }: FieldsProps) {
  const { answers } = form;
  const put = (field: string, drafts: AnswerDraft[]) => set("answers", field)(drafts);
  const wrong = error("policy.answers");
  return (
    <fieldset className="flex flex-col gap-2 border-t border-line pt-3 pb-1 md:col-span-2">
      <legend className="sr-only">Answers and redirects</legend>
      <div className="flex items-center gap-2">
        <span className="flex-1 font-medium">Answers and redirects</span>
        <Button
          look="quiet"
          className="h-7"
          disabled={answers.length >= MAX_ANSWERS}
          icon={<Plus size={14} />}
          onClick={() =>
            put("answers", [
              ...answers,
              { path: "", status: "302", location: "", body: "", contentType: null },
            ])
          }
        >
          Add an answer
        </Button>
      </div>
      {answers.length === 0 && (
        <p className="text-xs text-muted">The service answers everything that gets in.</p>
      )}
      {answers.map((draft, index) => (
        <AnswerRow
          // biome-ignore lint/suspicious/noArrayIndexKey: answers have no name until a path is typed
          key={index}
          number={index + 1}
          draft={draft}
          error={error(`policy.answers.${index}`)}
          onChange={(part) =>
            put(
              `policy.answers.${index}`,
              answers.map((one, at) => (at === index ? { ...one, ...part } : one)),
            )
          }
          onRemove={() =>
            put(
              "policy.answers",
              answers.filter((_, at) => at !== index),
            )
          }
        />
      ))}
      {wrong && <p className="text-xs text-bad">✕ {wrong}</p>}
    </fieldset>
  );
}

function AnswerRow({
  number,
  draft,
  error,
  onChange,
  onRemove,
}: {
  number: number;
  draft: AnswerDraft;
  error: string | undefined;
  onChange: (part: Partial<AnswerDraft>) => void;
  onRemove: () => void;
}) {
  const about = useId();
  const common = {
    spellCheck: false,
    autoComplete: "off",
    "aria-describedby": about,
    "aria-invalid": Boolean(error),
  };
  return (
    <div>
      <div className="flex items-center gap-2">
        <input
          {...common}
          aria-label={`Path of answer ${number}`}
          placeholder="/old"
          className="control min-w-0 flex-1 font-mono text-xs"
          value={draft.path}
          onChange={(event) => onChange({ path: event.target.value })}
        />
        <input
          {...common}
          aria-label={`Status of answer ${number}`}
          inputMode="numeric"
          className="control w-16 font-mono text-xs"
          value={draft.status}
          onChange={(event) => onChange({ status: event.target.value })}
        />
        {isRedirect(draft) ? (
          <input
            {...common}
            aria-label={`Location of answer ${number}`}
            placeholder="/new or https://…"
            className="control min-w-0 flex-2 font-mono text-xs"
            value={draft.location}
            onChange={(event) => onChange({ location: event.target.value })}
          />
        ) : (
          <input
            {...common}
            aria-label={`Body of answer ${number}`}
            placeholder="no body"
            className="control min-w-0 flex-2 font-mono text-xs"
            value={draft.body}
            onChange={(event) => onChange({ body: event.target.value, contentType: null })}
          />
        )}
        <IconButton label={`Remove answer ${number}`} onClick={onRemove} icon={<X size={14} />} />
      </div>
      <p id={about} className="text-xs text-bad" aria-live="polite">
        {error && `✕ ${error}`}
      </p>
    </div>
  );
}
