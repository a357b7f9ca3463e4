import { hexLine, hexLines } from "./hex";
import { Lines } from "./lines";

export function HexView({ body }: { body: Uint8Array }) {
  return (
    <Lines count={hexLines(body)} label="Bytes">
      {(index) => {
        const line = hexLine(body, index);
        return (
          <>
            <span className="text-muted select-none">{line.offset}</span>
            {"  "}
            {line.left.padEnd(23)}
            {"  "}
            {line.right.padEnd(23)}
            {"  "}
            <span className="text-code-string">{line.text}</span>
          </>
        );
      }}
    </Lines>
  );
}
