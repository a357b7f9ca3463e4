import { Slot } from "radix-ui";
import type { ElementType, ReactNode } from "react";

/**
 * Stands in for `react-remove-scroll`, which Radix's dialogs and menus use to keep the page behind them
 * from scrolling. It does so with a <style> element, which our content security policy refuses; and
 * our page never scrolls as a whole.
 */
export function RemoveScroll({ as, children }: { as?: ElementType; children?: ReactNode }) {
  if (!as) return <>{children}</>;
  return <Slot.Root>{children}</Slot.Root>;
}
