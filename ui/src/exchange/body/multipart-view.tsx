import { Download } from "lucide-react";
import { useMemo } from "react";
import { bytes } from "@/lib/format";
import { Notice } from "@/parts/states";
import { useBlobUrl } from "./blob-url";
import { HexView } from "./hex-view";
import { ImageView } from "./image-view";
import { bodyKind, decodeText, parameter } from "./kind";
import { type Part, parseMultipart } from "./multipart";
import { SourceView } from "./source-view";

export function MultipartView({
  body,
  mediaType,
}: {
  body: Uint8Array<ArrayBuffer>;
  mediaType: string | null;
}) {
  const parts = useMemo(() => parseMultipart(body, mediaType), [body, mediaType]);
  if (!parts)
    return (
      <Notice>
        Its Content-Type names no boundary, so that its parts cannot be told apart. Look at the source.
      </Notice>
    );
  return (
    <ol className="flex flex-col gap-2">
      {parts.map((part, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: names repeat, and the order never changes
        <PartView key={index} part={part} index={index} />
      ))}
    </ol>
  );
}

function PartView({ part, index }: { part: Part; index: number }) {
  // Octets, whatever it says it is: the browser must save it and nothing else.
  const url = useBlobUrl(() => new Blob([part.body], { type: "application/octet-stream" }), part);
  const kind = bodyKind(part.mediaType, part.body);
  return (
    <li className="rounded-md border border-line">
      <header className="flex items-center gap-2 border-b border-line px-2 py-1 text-xs">
        <span className="code font-medium">{part.name ?? `part ${index + 1}`}</span>
        <span className="min-w-0 flex-1 truncate text-muted">
          {[part.filename, part.mediaType, bytes(part.body.length)].filter(Boolean).join(" · ")}
        </span>
        <a
          href={url}
          download={safeName(part.filename ?? part.name ?? `part-${index + 1}`)}
          className="flex items-center gap-1 text-accent hover:underline"
        >
          <Download size={12} /> Save
        </a>
      </header>
      <div className="flex flex-col gap-2 p-2">
        {part.cut && <Notice>Cut short: the rest was not kept.</Notice>}
        {kind === "empty" ? (
          <p className="text-muted">Empty.</p>
        ) : kind === "image" ? (
          <ImageView body={part.body} mediaType={part.mediaType} />
        ) : kind === "binary" ? (
          <HexView body={part.body} />
        ) : (
          <SourceView text={decodeText(part.body, parameter(part.mediaType, "charset"))} />
        )}
      </div>
    </li>
  );
}

/** A file's name without ways to elsewhere. */
function safeName(name: string): string {
  return name.replace(/[\\/:*?"<>|\p{Cc}]/gu, "_").slice(-120);
}
