import { useQuery } from "@tanstack/react-query";
import { ArrowDownUp, SearchX } from "lucide-react";
import { queries } from "@/api/live";
import { Button } from "@/parts/button";
import { CopyButton } from "@/parts/copy-button";
import { Empty } from "@/parts/states";

/** Before the first request came: what to do for one. */
export function FirstRun() {
  const mappings = useQuery(queries.mappings).data ?? [];
  const url = mappings.find((mapping) => mapping.state === "live")?.public_url;
  return (
    <Empty icon={<ArrowDownUp size={28} />} title="No exchanges yet">
      {url ? (
        <>
          <p>Requests to a public URL show up here as they come. Try yours:</p>
          <p className="mt-3 flex items-center justify-center gap-1">
            <a
              href={url}
              target="_blank"
              rel="noreferrer"
              className="code font-medium text-accent hover:underline"
            >
              {url}
            </a>
            <CopyButton text={url} label="Copy URL" />
          </p>
        </>
      ) : (
        <>
          <p>Requests to a public URL show up here as they come. No mapping is live yet.</p>
          <p className="mt-3">
            <a className="font-medium text-accent hover:underline" href="#/mappings">
              Expose a port
            </a>{" "}
            or run <code className="code">porthole http 3000</code> in a terminal.
          </p>
        </>
      )}
    </Empty>
  );
}

export function NoHits({ filter, onClear }: { filter: string; onClear: () => void }) {
  return (
    <Empty icon={<SearchX size={28} />} title="No exchange matches">
      <p>
        Nothing that is kept matches <code className="code break-all text-ink">{filter}</code>. A bare word
        matches where a word begins with it.
      </p>
      <p className="mt-3">
        <Button onClick={onClear}>Clear the search</Button>
      </p>
    </Empty>
  );
}
