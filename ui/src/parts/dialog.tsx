import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { IconButton } from "./button";
import { cx } from "./class";

interface DialogProps {
  title: string;
  /** What it is for, in one sentence. */
  about?: ReactNode;
  wide?: boolean;
  onClose: () => void;
  children: ReactNode;
}

/** A dialog that is open as long as it is drawn. */
export function Dialog({ title, about, wide, onClose, children }: DialogProps) {
  return (
    <Radix.Root open onOpenChange={(open) => open || onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-shade" />
        <Radix.Content
          onOpenAutoFocus={(event) => {
            // What one came for, rather than the button that closes it.
            const content = event.currentTarget as HTMLElement;
            const first = content.querySelector<HTMLElement>("input, textarea, select");
            event.preventDefault();
            (first ?? content).focus();
          }}
          {...(about ? {} : { "aria-describedby": undefined })}
          className={cx(
            "fixed top-1/2 outline-none left-1/2 z-40 flex max-h-[90vh] w-[calc(100vw-2rem)] -translate-x-1/2 -translate-y-1/2 flex-col rounded-xl border border-line bg-raised shadow-float",
            wide ? "max-w-4xl" : "max-w-xl",
          )}
        >
          <header className="flex items-start gap-3 border-b border-line px-4 py-3">
            <div className="min-w-0 flex-1">
              <Radix.Title className="text-lg font-semibold">{title}</Radix.Title>
              {about && <Radix.Description className="text-muted">{about}</Radix.Description>}
            </div>
            <Radix.Close asChild>
              <IconButton label="Close" keys="Esc" icon={<X size={16} />} />
            </Radix.Close>
          </header>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** The part of a dialog that scrolls. */
export function DialogBody({ children, className }: { children: ReactNode; className?: string }) {
  return <div className={cx("min-h-0 flex-1 overflow-auto px-4 py-4", className)}>{children}</div>;
}

/** Its buttons, the one that goes on last. */
export function DialogFoot({ children }: { children: ReactNode }) {
  return (
    <footer className="flex items-center justify-end gap-2 border-t border-line px-4 py-3">{children}</footer>
  );
}
