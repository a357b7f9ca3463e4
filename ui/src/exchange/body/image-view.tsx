import { useState } from "react";
import { Notice } from "@/parts/states";
import { useBlobUrl } from "./blob-url";
import { essence, imageType } from "./kind";

/** A picture. SVG too: as a picture it runs no scripts and loads nothing. */
export function ImageView({ body, mediaType }: { body: Uint8Array<ArrayBuffer>; mediaType: string | null }) {
  const url = useBlobUrl(() => new Blob([body], { type: imageType(body) ?? essence(mediaType) }), body);
  const [size, setSize] = useState<string>();
  const [broken, setBroken] = useState(false);
  if (broken)
    return (
      <Notice>
        It cannot be shown as a picture: it is cut short, or of a kind that this browser does not know.
      </Notice>
    );
  return (
    <figure className="flex flex-col gap-1">
      {url && (
        <img
          src={url}
          alt="The body"
          className="max-h-96 max-w-full self-start rounded-md border border-line bg-sunken object-contain"
          onLoad={({ currentTarget: image }) =>
            setSize(`${image.naturalWidth} × ${image.naturalHeight} pixels`)
          }
          onError={() => setBroken(true)}
        />
      )}
      <figcaption className="text-xs text-muted">{size}</figcaption>
    </figure>
  );
}
