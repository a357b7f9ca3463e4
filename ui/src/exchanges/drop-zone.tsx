import { FileInput } from "lucide-react";
import { type DragEvent, type ReactNode, useState } from "react";

/** Takes files that are dropped on what is in it. */
export function DropZone({
  onFiles,
  className,
  children,
}: {
  onFiles: (files: File[]) => void;
  className: string;
  children: ReactNode;
}) {
  const [over, setOver] = useState(false);
  const withFiles = (act: (event: DragEvent) => void) => (event: DragEvent) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    act(event);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the menu beside the search does the same by keys
    <div
      className={`relative ${className}`}
      onDragOver={withFiles(() => setOver(true))}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={withFiles((event) => {
        setOver(false);
        onFiles([...event.dataTransfer.files]);
      })}
    >
      {children}
      {over && (
        <div className="pointer-events-none absolute inset-2 z-20 flex flex-col items-center justify-center gap-2 rounded-xl border-2 border-dashed border-accent bg-selected/90 text-base font-medium">
          <FileInput size={28} />
          Drop a .har file to take its exchanges in
        </div>
      )}
    </div>
  );
}
