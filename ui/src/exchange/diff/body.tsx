import type { Difference } from "@/api/types";
import { bytes } from "@/lib/format";
import { Notice } from "@/parts/states";
import { After, Before } from "./marks";

export function BodyDifference({ difference }: { difference: Difference }) {
  switch (difference.kind) {
    case "none":
      return null;
    case "json":
      return (
        <>
          {difference.changes.map((change) => (
            <div key={change.change + change.path} className="border-b border-line/60 py-1 last:border-b-0">
              <p className="code text-code-key">{change.path}</p>
              {"before" in change && <Before text={change.before} />}
              {"after" in change && <After text={change.after} />}
            </div>
          ))}
          {difference.more && <More />}
        </>
      );
    case "text":
      return (
        <>
          {difference.hunks.map((hunk) => (
            <div
              key={`${hunk.before}-${hunk.after}`}
              className="mb-2 overflow-hidden rounded-md border border-line"
            >
              <p className="code bg-sunken px-2 text-muted">
                line {hunk.before} → line {hunk.after}
              </p>
              {hunk.lines.map((line, index) => {
                // biome-ignore lint/suspicious/noArrayIndexKey: lines repeat, and their order never changes
                if (line.mark === "removed") return <Before key={index} text={line.text} />;
                // biome-ignore lint/suspicious/noArrayIndexKey: as above
                if (line.mark === "added") return <After key={index} text={line.text} />;
                return (
                  // biome-ignore lint/suspicious/noArrayIndexKey: as above
                  <p key={index} className="code px-2 break-all whitespace-pre-wrap">
                    {"  "}
                    {line.text}
                  </p>
                );
              })}
            </div>
          ))}
          {difference.more && <More />}
        </>
      );
    case "bytes":
      return (
        <p>
          {bytes(difference.before_bytes)} and {bytes(difference.after_bytes)}, different from byte{" "}
          {difference.first_difference} on.
        </p>
      );
  }
}

function More() {
  return <Notice>There are more differences than are shown.</Notice>;
}
