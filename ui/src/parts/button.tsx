import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";
import { cx } from "./class";
import { Tip } from "./tip";

type Look = "plain" | "primary" | "danger" | "quiet";

const LOOKS: Record<Look, string> = {
  plain: "border border-line-strong bg-surface hover:bg-hover",
  primary: "border border-accent-strong bg-accent-strong text-on-accent font-medium hover:brightness-110",
  danger: "border border-bad text-bad bg-surface hover:bg-bad-soft",
  quiet: "border border-transparent hover:bg-hover",
};

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  /** As high as a line of chips. */
  small?: boolean;
  icon?: ReactNode;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ look = "plain", small, icon, children, className, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={cx(
        "inline-flex shrink-0 items-center gap-1.5 whitespace-nowrap rounded-md disabled:cursor-not-allowed disabled:opacity-55",
        small ? "h-6 px-2 text-xs" : "h-8 px-2.5 text-sm",
        LOOKS[look],
        className,
      )}
    >
      {icon}
      {children}
    </button>
  );
}

/** A button that is only a picture; its label is read out and shown beside it. */
export function IconButton({
  label,
  keys,
  className,
  icon,
  children,
  ...rest
}: ButtonProps & { label: string; keys?: string }) {
  return (
    <Tip text={label} keys={keys}>
      <button
        type="button"
        aria-label={label}
        {...rest}
        className={cx(
          "inline-flex size-7 shrink-0 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-ink disabled:opacity-55",
          "aria-pressed:text-accent data-[state=open]:bg-hover",
          className,
        )}
      >
        {icon}
        {children}
      </button>
    </Tip>
  );
}
