import { ArrowDown, ArrowUp } from "lucide-react";
import { useState } from "react";
import type { Exchange, Frame } from "@/api/types";
import { bytes, count, preciseClock } from "@/lib/format";
import { Button } from "@/parts/button";
import { Empty, Failed, Loading, Notice } from "@/parts/states";
import { HexView } from "../body/hex-view";
import { LINE_HEIGHT, Lines } from "../body/lines";
import { SourceView } from "../body/source-view";
import { closeReason, frameBytes, frameKind, framePreview, framesWith, frameText } from "./frame";
import { useFrames } from "./use-frames";

/** Lines seen while one of them is open below. */
const SEEN_BESIDE = 12;

/** WebSocket frames or server-sent events, a line each. */
export function FramesTab({ exchange }: { exchange: Exchange }) {
  const [search, setSearch] = useState("");
  const [openSeq, setOpenSeq] = useState<number | null>(null);
  const [view, read] = useFrames(exchange);
  if (view.error && view.frames.length === 0) return <Failed error={view.error} retry={read} />;
  if (view.loading) return <Loading what="Reading frames" />;
  const all = view.frames;
  const events = exchange.kind === "sse";
  if (all.length === 0) {
    return (
      <Empty title={events ? "No events" : "No frames"}>
        {exchange.state === "open" ? "They show up here as they come." : "None was sent."}
      </Empty>
    );
  }
  const frames = framesWith(all, search);
  const chosen = frames.find((frame) => frame.seq === openSeq);
  return (
    <div className="flex flex-col gap-2 p-3">
      <div className="flex items-center gap-2">
        <input
          type="search"
          aria-label="Search frames"
          placeholder="Search frames"
          className="control h-7 w-56 text-xs"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <span role="status" className="text-xs text-muted">
          {search ? `${frames.length} of ${all.length}` : count(all.length, events ? "event" : "frame")}
          {exchange.state === "open" && ", live"}
        </span>
        {view.more && (
          <Button look="quiet" className="h-6 text-xs" onClick={read}>
            Read more
          </Button>
        )}
      </div>
      {frames.length > 0 && (
        <Lines
          count={frames.length}
          label={events ? "Events" : "Frames"}
          {...(chosen ? { seen: SEEN_BESIDE } : {})}
        >
          {(index) => {
            const frame = frames[index];
            return (
              frame && (
                <FrameLine frame={frame} open={frame.seq === openSeq} onOpen={() => setOpenSeq(frame.seq)} />
              )
            );
          }}
        </Lines>
      )}
      {chosen && <FrameDetail frame={chosen} />}
    </div>
  );
}

function FrameLine({ frame, open, onOpen }: { frame: Frame; open: boolean; onOpen: () => void }) {
  const from = frame.from_visitor ? "from the visitor" : "from the service";
  return (
    <button
      type="button"
      aria-pressed={open}
      onClick={onOpen}
      style={{ height: LINE_HEIGHT }}
      className="-mx-2 flex w-[calc(100%+1rem)] items-center gap-3 px-2 text-left hover:bg-hover aria-pressed:bg-selected"
    >
      {frame.from_visitor ? (
        <ArrowUp size={12} className="shrink-0 text-info" aria-label={from} />
      ) : (
        <ArrowDown size={12} className="shrink-0 text-ok" aria-label={from} />
      )}
      <span className="w-24 shrink-0 text-muted">{preciseClock(frame.at_us)}</span>
      <span className="w-14 shrink-0 truncate font-medium" title={frameKind(frame)}>
        {frameKind(frame)}
      </span>
      <span className="w-16 shrink-0 text-right text-muted">{bytes(frame.bytes)}</span>
      <span>
        {frame.close_code != null && <span className="mr-2 text-warn">{closeReason(frame.close_code)}</span>}
        {framePreview(frame)}
      </span>
    </button>
  );
}

const INFLATE_ERRORS: Record<NonNullable<Frame["decode_error"]>, string> = {
  broken: "It could not be decompressed; its bytes are shown as they came.",
  bound: "Decompressed, it is too large to show.",
  lost: "It refers to an earlier one that was not kept whole; its bytes are shown as they came.",
};

function FrameDetail({ frame }: { frame: Frame }) {
  const text = frameText(frame);
  return (
    <section aria-label={`Frame ${frame.seq}`} className="flex flex-col gap-2">
      {frame.truncated && <Notice>Only the beginning of its {bytes(frame.bytes)} was kept.</Notice>}
      {frame.decode_error && <Notice>{INFLATE_ERRORS[frame.decode_error]}</Notice>}
      {frame.event_id && <p className="text-xs text-muted">id {frame.event_id}</p>}
      {text === null ? <HexView body={frameBytes(frame)} /> : <SourceView text={text} />}
    </section>
  );
}
