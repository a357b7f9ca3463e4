import { useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useState } from "react";
import { api, type Side } from "@/api/client";
import type { Exchange, Half } from "@/api/types";
import { bytes } from "@/lib/format";
import { CopyButton } from "@/parts/copy-button";
import { Failed, Loading, Notice } from "@/parts/states";
import { Section } from "../rows";
import { type BodyKind, bodyKind, decodeText } from "./kind";
import { BodyView, VIEWS, type View } from "./view";

const DECODE_ERRORS: Record<string, string> = {
  cut: "The compressed body was cut short; what could be decoded is shown.",
  bound: "Decoded, it is too large to show whole; the beginning is shown.",
  broken: "It is not what its Content-Encoding says; the bytes are shown as they came.",
  unknown: "Its Content-Encoding is not one that Porthole knows; the bytes are shown as they came.",
};

/** A body as what it is, with other ways to look at it. */
export function BodySection({ exchange, side, half }: { exchange: Exchange; side: Side; half: Half }) {
  const decoded = useQuery({
    queryKey: ["body", exchange.id, side, "decoded", half.body_kept],
    queryFn: () => api.body(exchange.id, side, "decoded"),
    enabled: half.body_kept > 0,
    // Bodies are large; what was looked at a minute ago can be fetched again.
    gcTime: 60_000,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const [chosen, setChosen] = useState<View | null>(null);
  const body = decoded.data?.bytes;
  const kind: BodyKind = body ? bodyKind(half.media_type, body) : "empty";
  const views = VIEWS[kind];
  const view = chosen && views.includes(chosen) ? chosen : views[0];
  return (
    <Section
      title={`Body${half.body_bytes > 0 ? ` (${bytes(half.body_bytes)}${half.media_type ? `, ${half.media_type}` : ""})` : ""}`}
      actions={
        body && (
          <>
            <fieldset className="flex rounded-md border border-line" aria-label="View">
              {views.map((one) => (
                <button
                  key={one}
                  type="button"
                  aria-pressed={one === view}
                  onClick={() => setChosen(one)}
                  className="h-6 px-2 text-xs text-muted first:rounded-l-md last:rounded-r-md hover:bg-hover aria-pressed:bg-selected aria-pressed:font-medium aria-pressed:text-ink"
                >
                  {one}
                </button>
              ))}
            </fieldset>
            {kind !== "binary" && kind !== "image" && (
              <CopyButton text={decodeText(body, half.charset)} label="Copy body" />
            )}
            <a
              href={api.bodyUrl(exchange.id, side)}
              download
              className="inline-flex"
              aria-label="Save body"
              title="Save body"
            >
              <span className="inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-ink">
                <Download size={14} />
              </span>
            </a>
          </>
        )
      }
    >
      <div className="flex flex-col gap-2">
        {half.truncated && (
          <Notice>
            First {bytes(half.body_kept)} of {bytes(half.body_bytes)} kept. The whole of it went through; the
            rest was not stored.
          </Notice>
        )}
        {decoded.data?.decodeError && (
          <Notice>
            {DECODE_ERRORS[decoded.data.decodeError] ??
              `It could not be decoded: ${decoded.data.decodeError}.`}
          </Notice>
        )}
        {half.encoding.length > 0 && body && !decoded.data?.decodeError && (
          <p className="text-xs text-muted">
            Decoded from {half.encoding.join(", ")}: {bytes(half.body_kept)} became {bytes(body.length)}.
          </p>
        )}
        {half.body_bytes === 0 ? (
          <p className="text-muted">{exchange.state === "open" ? "Nothing has come yet." : "It has none."}</p>
        ) : half.body_kept === 0 ? (
          <p className="text-muted">None of it was kept.</p>
        ) : decoded.error ? (
          <Failed error={decoded.error} retry={() => decoded.refetch()} />
        ) : body && view ? (
          <BodyView body={body} half={half} view={view} />
        ) : (
          <Loading what="Reading the body" />
        )}
      </div>
    </Section>
  );
}
