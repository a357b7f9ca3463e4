import { Dices, Plus, X } from "lucide-react";
import { Button, IconButton } from "@/parts/button";
import { CopyButton } from "@/parts/copy-button";
import type { FieldsProps } from "./edit-dialog";
import { type KeyDraft, MAX_KEYS, randomKey } from "./keys";

/** Keys with which programs come in. */
export function KeyFields({ form, set, error }: FieldsProps) {
  const { keys } = form;
  const change = (index: number, part: Partial<KeyDraft>) =>
    set("keys", "policy.bearer_keys")(keys.map((one, at) => (at === index ? { ...one, ...part } : one)));
  const wrong = error("policy.bearer_keys");
  return (
    <fieldset className="flex flex-col gap-2 border-t border-line pt-3 pb-1 md:col-span-2">
      <legend className="sr-only">Keys</legend>
      <div className="flex items-center gap-2">
        <span className="flex-1 font-medium">Keys</span>
        <Button
          look="quiet"
          className="h-7"
          disabled={keys.length >= MAX_KEYS}
          icon={<Plus size={14} />}
          onClick={() => set("keys", "keys")([...keys, { name: "", key: randomKey(), known: false }])}
        >
          Add a key
        </Button>
      </div>
      <p className="text-xs text-muted">
        {keys.length === 0
          ? "For programs, beside passwords."
          : "Sent as Authorization: Bearer KEY, or as X-API-Key. A new key is shown only here: copy it."}
      </p>
      {keys.map((one, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: keys have no name until it is typed
        <div key={index} className="flex items-center gap-2">
          <input
            aria-label={`Name of key ${index + 1}`}
            placeholder="name"
            className="control min-w-0 flex-1"
            value={one.name}
            readOnly={one.known}
            onChange={(event) => change(index, { name: event.target.value })}
          />
          <input
            aria-label={`Key ${index + 1}`}
            autoComplete="off"
            spellCheck={false}
            placeholder={one.known ? "unchanged" : "key"}
            className="control min-w-0 flex-2 font-mono text-xs"
            value={one.key}
            onChange={(event) => change(index, { key: event.target.value })}
          />
          {one.key && <CopyButton text={one.key} label={`Copy key ${index + 1}`} />}
          <IconButton
            label={`Make key ${index + 1} anew`}
            onClick={() => change(index, { key: randomKey() })}
            icon={<Dices size={14} />}
          />
          <IconButton
            label={`Remove key ${one.name}`}
            onClick={() => set("keys", "policy.bearer_keys")(keys.filter((_, at) => at !== index))}
            icon={<X size={14} />}
          />
        </div>
      ))}
      {wrong && <p className="text-xs text-bad">✕ {wrong}</p>}
    </fieldset>
  );
}
