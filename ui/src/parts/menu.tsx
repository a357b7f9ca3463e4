import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";
import { cx } from "./class";
import { Keys } from "./tip";

export type MenuItem =
  | { label: string; icon?: ReactNode; keys?: string; bad?: boolean; disabled?: boolean; act: () => void }
  | { href: string; label: string; icon?: ReactNode }
  | "line";

const ITEM =
  "flex w-full cursor-default select-none items-center gap-2 rounded-md px-2 py-1.5 text-sm outline-none data-[highlighted]:bg-selected data-[disabled]:opacity-55";

/** A menu behind a button. */
export function Menu({ trigger, items }: { trigger: ReactNode; items: MenuItem[] }) {
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          sideOffset={4}
          collisionPadding={8}
          className="z-50 min-w-48 rounded-lg border border-line bg-raised p-1 shadow-float"
        >
          {items.map((item, index) => {
            if (item === "line") {
              // biome-ignore lint/suspicious/noArrayIndexKey: a line has nothing else to be known by
              return <DropdownMenu.Separator key={index} className="my-1 h-px bg-line" />;
            }
            if ("href" in item) {
              return (
                <DropdownMenu.Item key={item.label} asChild className={ITEM}>
                  <a href={item.href} download>
                    <span className="w-4 text-muted">{item.icon}</span>
                    <span className="flex-1">{item.label}</span>
                  </a>
                </DropdownMenu.Item>
              );
            }
            return (
              <DropdownMenu.Item
                key={item.label}
                disabled={item.disabled ?? false}
                onSelect={item.act}
                className={cx(ITEM, item.bad && "text-bad")}
              >
                <span className="w-4 text-muted">{item.icon}</span>
                <span className="flex-1">{item.label}</span>
                {item.keys && <Keys keys={item.keys} />}
              </DropdownMenu.Item>
            );
          })}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
