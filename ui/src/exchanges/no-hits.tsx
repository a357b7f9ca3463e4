import { SearchX } from "lucide-react";
import { Button } from "@/parts/button";
import { Empty } from "@/parts/states";

/** Where nothing matches a filter. */
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
