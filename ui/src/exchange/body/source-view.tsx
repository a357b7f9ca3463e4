import { useMemo } from "react";
import { Lines } from "./lines";
import { sourceLines } from "./source";

export function SourceView({ text }: { text: string }) {
  const lines = useMemo(() => sourceLines(text), [text]);
  const width = `${String(lines.at(-1)?.number ?? lines.length).length}ch`;
  return (
    <Lines count={lines.length} label="Source">
      {(index) => (
        <>
          <span className="mr-3 inline-block text-right text-muted select-none" style={{ width }}>
            {lines[index]?.number ?? ""}
          </span>
          {lines[index]?.text}
        </>
      )}
    </Lines>
  );
}
