import { ArrowRight, Plus, X } from "lucide-react";
import { useId } from "react";
import { Button, IconButton } from "@/parts/button";
import type { FieldsProps } from "./edit-dialog";
import { MAX_REWRITES, type RewritesForm } from "./rewrites";

type Draft = RewritesForm["rewrites"][number];

/** Paths that the service sees as others. */
export function RewriteFields({ form, set, error }: FieldsProps) {
  const { rewrites } = form;
  const put = (field: string, drafts: Draft[]) => set("rewrites", field)(drafts);
  const wrong = error("policy.rewrites");
  return (
    <fieldset className="flex flex-col gap-2 border-t border-line pt-3 pb-1 md:col-span-2">
      <legend className="sr-only">Rewritten paths</legend>
      <div className="flex items-center gap-2">
        <span className="flex-1 font-medium">Rewritten paths</span>
        <Button
          look="quiet"
          className="h-7"
          disabled={rewrites.length >= MAX_REWRITES}
          icon={<Plus size={14} />}
          onClick={() => put("rewrites", [...rewrites, { from: "", to: "" }])}
        >
          Rewrite a path
        </Button>
      </div>
      {rewrites.length === 0 ? (
        <p className="text-xs text-muted">The service sees the paths that visitors ask for.</p>
      ) : (
        <p className="text-xs text-muted">Public and private paths, and answers, go by the one that came.</p>
      )}
      {rewrites.map((draft, index) => (
        <RewriteRow
          // biome-ignore lint/suspicious/noArrayIndexKey: paths have no name until one is typed
          key={index}
          number={index + 1}
          draft={draft}
          error={error(`policy.rewrites.${index}`)}
          onChange={(part) =>
            put(
              `policy.rewrites.${index}`,
              rewrites.map((one, at) => (at === index ? { ...one, ...part } : one)),
            )
          }
          onRemove={() =>
            put(
              "policy.rewrites",
              rewrites.filter((_, at) => at !== index),
            )
          }
        />
      ))}
      {wrong && <p className="text-xs text-bad">✕ {wrong}</p>}
    </fieldset>
  );
}

function RewriteRow({
  number,
  draft,
  error,
  onChange,
  onRemove,
}: {
  number: number;
  draft: Draft;
  error: string | undefined;
  onChange: (part: Partial<Draft>) => void;
  onRemove: () => void;
}) {
  const about = useId();
  const common = {
    spellCheck: false,
    autoComplete: "off",
    "aria-describedby": about,
    "aria-invalid": Boolean(error),
    className: "control min-w-0 flex-1 font-mono text-xs",
  };
  return (
    <div>
      <div className="flex items-center gap-2">
        <input
          {...common}
          aria-label={`Path ${number} that visitors ask for`}
          placeholder="/v1"
          value={draft.from}
          onChange={(event) => onChange({ from: event.target.value })}
        />
        <ArrowRight size={14} aria-hidden="true" className="shrink-0 text-muted" />
        <input
          {...common}
          aria-label={`Path ${number} that the service sees`}
          placeholder="/api/2024"
          value={draft.to}
          onChange={(event) => onChange({ to: event.target.value })}
        />
        <IconButton label={`Remove path ${number}`} onClick={onRemove} icon={<X size={14} />} />
      </div>
      <p id={about} className="text-xs text-bad" aria-live="polite">
        {error && `✕ ${error}`}
      </p>
    </div>
  );
}
