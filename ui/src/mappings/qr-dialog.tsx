import { encode } from "uqr";
import { CopyButton } from "@/parts/copy-button";
import { Dialog, DialogBody } from "@/parts/dialog";

/** Modules of white around the code: the standard asks for four. */
const QUIET = 4;

/** The URL for a phone's camera. */
export function QrDialog({ url, onClose }: { url: string; onClose: () => void }) {
  const code = encode(url, { ecc: "M", border: QUIET });
  const path = code.data
    .flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : "")))
    .join("");
  return (
    <Dialog title="QR code" about="Open it on a phone: the camera takes you there." onClose={onClose}>
      <DialogBody className="flex flex-col items-center gap-3">
        {/* Black on white in both looks: cameras want it. */}
        <svg
          viewBox={`0 0 ${code.size} ${code.size}`}
          role="img"
          aria-label={`QR code of ${url}`}
          className="size-64 rounded-lg bg-[white]"
          shapeRendering="crispEdges"
        >
          <path d={path} className="fill-[black]" />
        </svg>
        <p className="flex items-center gap-1">
          <span className="code break-all">{url}</span>
          <CopyButton text={url} label="Copy URL" />
        </p>
      </DialogBody>
    </Dialog>
  );
}
