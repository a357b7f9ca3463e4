import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { queries } from "@/api/live";
import type { Exchange } from "@/api/types";
import { statusText, TONES, tone } from "@/exchanges/words";
import { IconButton } from "@/parts/button";
import { Failed, Loading } from "@/parts/states";
import { type Tab, Tabs } from "@/parts/tabs";
import { ActionBar } from "./action-bar";
import { DiffTab } from "./diff/tab";
import { FramesTab } from "./frames/tab";
import { HalfTab } from "./half-tab";
import { Overview } from "./overview";
import type { Actions } from "./use-actions";

interface PaneProps {
  id: number;
  tab: string;
  onTab: (tab: string) => void;
  compareWith: number | null;
  onCompareWith: (id: number | null) => void;
  actions: Actions;
  onClose: () => void;
}

/** One exchange beside the list. */
export function ExchangePane(props: PaneProps) {
  const { id, onClose } = props;
  const query = useQuery(queries.exchange(id));
  return (
    <section
      id="exchange-pane"
      tabIndex={-1}
      aria-label={`Exchange ${id}`}
      className="flex min-h-0 w-[54%] max-w-[60rem] min-w-0 shrink-0 flex-col border-l border-line bg-surface max-lg:h-3/5 max-lg:w-full max-lg:border-t max-lg:border-l-0"
    >
      {query.data ? (
        <Content exchange={query.data} {...props} />
      ) : (
        <div className="relative h-full">
          <div className="absolute top-2 right-2">
            <IconButton label="Close" keys="Esc" onClick={onClose} icon={<X size={16} />} />
          </div>
          {query.error ? (
            <Failed error={query.error} retry={() => query.refetch()} />
          ) : (
            <Loading what="Reading the exchange" />
          )}
        </div>
      )}
    </section>
  );
}

function Content({
  exchange,
  tab,
  onTab,
  compareWith,
  onCompareWith,
  actions,
  onClose,
}: PaneProps & { exchange: Exchange }) {
  const framed = exchange.kind === "websocket" || exchange.kind === "sse";
  const tabs: Tab[] = [
    { id: "overview", label: "Overview", content: <Overview exchange={exchange} actions={actions} /> },
    { id: "request", label: "Request", content: <HalfTab exchange={exchange} side="request" /> },
    { id: "response", label: "Response", content: <HalfTab exchange={exchange} side="response" /> },
    ...(framed
      ? [
          {
            id: "frames",
            label: exchange.kind === "sse" ? "Events" : "Frames",
            content: <FramesTab key={exchange.id} exchange={exchange} />,
          },
        ]
      : []),
    {
      id: "diff",
      label: "Diff",
      content: (
        <DiffTab
          key={exchange.id}
          exchange={exchange}
          compareWith={compareWith}
          onCompareWith={onCompareWith}
        />
      ),
    },
  ];
  return (
    <>
      <header className="flex flex-col gap-1.5 border-b border-line px-3 py-2">
        <div className="flex items-start gap-2">
          <h2 className="min-w-0 flex-1 font-mono text-sm leading-6">
            <span className="mr-2 font-semibold">{exchange.method || exchange.kind.toUpperCase()}</span>
            <span className={`mr-2 font-semibold ${TONES[tone(exchange)]}`}>{statusText(exchange)}</span>
            <span className="break-all" title={exchange.url}>
              {exchange.target}
            </span>
            {exchange.name && <span className="ml-2 font-sans text-sm text-accent">{exchange.name}</span>}
          </h2>
          <IconButton label="Close" keys="Esc" onClick={onClose} icon={<X size={16} />} />
        </div>
        <ActionBar exchange={exchange} actions={actions} onCompare={() => onTab("diff")} />
      </header>
      <Tabs tabs={tabs} value={tab} onChange={onTab} />
    </>
  );
}
