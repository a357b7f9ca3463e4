import { CopyButton } from "@/parts/copy-button";
import { Dialog, DialogBody } from "@/parts/dialog";
import { QrCode } from "@/parts/qr-code";

/** The URL for a phone's camera. */
export function QrDialog({ url, onClose }: { url: string; onClose: () => void }) {
  return (
    <Dialog title="QR code" about="Open it on a phone: the camera takes you there." onClose={onClose}>
      <DialogBody className="flex flex-col items-center gap-3">
        <QrCode url={url} className="size-64" />
        <p className="flex items-center gap-1">
          <span className="code break-all">{url}</span>
          <CopyButton text={url} label="Copy URL" />
        </p>
      </DialogBody>
    </Dialog>
  );
}
