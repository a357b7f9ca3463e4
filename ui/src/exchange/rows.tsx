import type { ReactNode } from "react";
import { cx } from "@/parts/class";

/** Names and values, aligned. */
export function Rows({
  rows,
  mono,
}: {
  rows: [name: string, value: ReactNode, key?: string][];
  mono?: boolean;
}) {
  return (
    <dl className="grid grid-cols-[minmax(7rem,max-content)_1fr] gap-x-4">
      {rows.map(([name, value, key], index) => (
        <div
          key={key ?? name + index}
          className="col-span-2 grid grid-cols-subgrid border-b border-line/60 py-1 last:border-b-0"
        >
          <dt className={cx("max-w-56 break-words text-muted", mono && "code leading-5")}>{name}</dt>
          <dd className={cx("min-w-0 break-words [overflow-wrap:anywhere]", mono && "code leading-5")}>
            {value}
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function Section({
  title,
  actions,
  children,
}: {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className="border-b border-line px-3 py-2.5 last:border-b-0">
      <header className="mb-1 flex min-h-7 items-center gap-2">
        <h3 className="flex-1 text-xs font-semibold text-muted">{title}</h3>
        {actions}
      </header>
      {children}
    </section>
  );
}
