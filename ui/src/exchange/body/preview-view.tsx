import { useBlobUrl } from "./blob-url";
import { previewDocument } from "./preview";

/** A captured page in a frame without scripts, forms, network or any way out. */
export function PreviewView({ html }: { html: string }) {
  const url = useBlobUrl(() => previewDocument(html), html);
  return (
    <>
      <p className="text-xs text-muted">
        Without scripts, styles, pictures and forms: nothing of a captured page is run or loaded.
      </p>
      {/* The page behind is white in both looks: captured pages expect it. */}
      {url && (
        <iframe
          title="Preview"
          sandbox=""
          src={url}
          className="h-112 w-full rounded-md border border-line bg-[white]"
        />
      )}
    </>
  );
}
