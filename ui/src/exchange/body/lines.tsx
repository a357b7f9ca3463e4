import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useRef } from "react";

/** Height of a line in pixels. */
export const LINE_HEIGHT = 20;
/** Lines seen at once before it scrolls, unless it says otherwise. */
const SEEN = 32;

/** Many lines of one height, of which only those in sight are drawn. */
export function Lines({
  count,
  label,
  seen = SEEN,
  children,
}: {
  count: number;
  label: string;
  seen?: number;
  children: (index: number) => ReactNode;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE_HEIGHT,
    overscan: 20,
  });
  const items = virtual.getVirtualItems();
  return (
    <div
      ref={scroller}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keys
      tabIndex={0}
      role="region"
      aria-label={label}
      className="code overflow-auto rounded-md bg-sunken py-1"
      style={{ height: Math.min(count, seen) * LINE_HEIGHT + 8 + 10 }}
    >
      <div className="relative" style={{ height: virtual.getTotalSize() }}>
        {/* In the flow together: the widest one in sight says how far it scrolls to the side. */}
        <div
          className="absolute top-0 left-0 w-max min-w-full"
          style={{ transform: `translateY(${items[0]?.start ?? 0}px)` }}
        >
          {items.map((item) => (
            <div
              key={item.key}
              className="px-2 whitespace-pre"
              style={{ height: LINE_HEIGHT, lineHeight: `${LINE_HEIGHT}px` }}
            >
              {children(item.index)}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
