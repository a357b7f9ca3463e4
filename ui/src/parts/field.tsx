import { Switch as Radix } from "radix-ui";
import { type InputHTMLAttributes, type ReactNode, useId } from "react";
import { cx } from "./class";

interface FieldProps {
  label: string;
  /** What it does, below. */
  help?: ReactNode;
  /** What is wrong with it, in place of the help. */
  error?: string | undefined;
  children: (given: { id: string; "aria-describedby": string; "aria-invalid": boolean }) => ReactNode;
}

/** A labelled control with its help and its error. */
export function Field({ label, help, error, children }: FieldProps) {
  const id = useId();
  const about = `${id}-about`;
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children({ id, "aria-describedby": about, "aria-invalid": Boolean(error) })}
      <p id={about} className={cx("min-h-4 text-xs", error ? "text-bad" : "text-muted")} aria-live="polite">
        {error ? `✕ ${error}` : help}
      </p>
    </div>
  );
}

type TextFieldProps = Omit<FieldProps, "children"> &
  Omit<InputHTMLAttributes<HTMLInputElement>, "onChange"> & {
    value: string;
    onChange: (text: string) => void;
    mono?: boolean;
  };

export function TextField({ label, help, error, onChange, mono, ...input }: TextFieldProps) {
  return (
    <Field label={label} help={help} error={error}>
      {(given) => (
        <input
          spellCheck={false}
          autoComplete="off"
          {...input}
          {...given}
          className={cx("control w-full", mono && "font-mono text-xs")}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

/** On or off, at once. */
export function Switch({
  label,
  help,
  checked,
  onChange,
  disabled,
  hidden,
}: {
  label: string;
  help?: ReactNode;
  checked: boolean;
  onChange: (on: boolean) => void;
  disabled?: boolean;
  /** The label is read out only. */
  hidden?: boolean;
}) {
  const id = useId();
  return (
    <div className="flex items-start gap-2.5">
      <Radix.Root
        id={id}
        checked={checked}
        onCheckedChange={onChange}
        disabled={disabled ?? false}
        {...(hidden ? { "aria-label": label } : {})}
        className="relative mt-px h-4.5 w-8 shrink-0 rounded-full border border-line-strong bg-sunken disabled:opacity-55 data-[state=checked]:border-accent-strong data-[state=checked]:bg-accent-strong"
      >
        <Radix.Thumb className="block size-3 translate-x-0.5 rounded-full bg-muted transition-transform data-[state=checked]:translate-x-4 data-[state=checked]:bg-on-accent" />
      </Radix.Root>
      {!hidden && (
        <div className="min-w-0">
          <label htmlFor={id} className="font-medium">
            {label}
          </label>
          {help && <p className="text-xs text-muted">{help}</p>}
        </div>
      )}
    </div>
  );
}
