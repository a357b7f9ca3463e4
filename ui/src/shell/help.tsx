import { KEYS } from "@/exchanges/vocabulary";
import { Dialog, DialogBody } from "@/parts/dialog";
import { Keys } from "@/parts/tip";

const SHORTCUTS: [keys: string, what: string][] = [
  ["j", "next exchange (also ↓)"],
  ["k", "previous exchange (also ↑)"],
  ["Enter", "open it"],
  ["Esc", "unmark, or close it"],
  ["Space", "mark it, or no longer"],
  ["Shift ↓", "mark a range (also ↑)"],
  ["r", "replay it, or what is marked"],
  ["e", "edit and resend"],
  ["c", "copy as curl"],
  ["d", "compare it, or the two marked"],
  ["p", "pin, or unpin"],
  ["/", "search"],
  ["x", "clear the search"],
  ["1 – 5", "go to a screen"],
  ["Ctrl K", "command palette"],
  ["?", "this help"],
];

const EXAMPLES: [filter: string, what: string][] = [
  ["status:5xx duration:>500ms", "slow failures"],
  ["method:POST path:/api -is:replay", "what visitors post under /api"],
  ['body:"order_42" after:10m', "these words in a body, in the last ten minutes"],
  ["header:stripe-signature type:json", "webhooks by their signature"],
];

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog wide title="Help" about="Keys, and what can be typed into the search." onClose={onClose}>
      <DialogBody className="grid gap-x-8 gap-y-4 md:grid-cols-[14rem_1fr]">
        <section>
          <h3 className="mb-2 font-semibold">Keys</h3>
          <dl className="grid grid-cols-[4.5rem_1fr] gap-y-1.5">
            {SHORTCUTS.map(([keys, what]) => (
              <div key={keys} className="contents">
                <dt>
                  <Keys keys={keys} />
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
        </section>
        <section>
          <h3 className="mb-2 font-semibold">Search</h3>
          <p className="mb-2 text-muted">
            Words are looked for in URL, headers and bodies. Terms are separated by spaces and all must hold;
            a minus turns one round.
          </p>
          <dl className="grid grid-cols-[6rem_1fr] gap-y-0.5">
            {KEYS.map((key) => (
              <div key={key.name} className="contents">
                <dt className="code text-accent">{key.name}:</dt>
                <dd>
                  {key.help}
                  {key.values.length > 0 && (
                    <span className="code text-muted"> {key.values.slice(0, 4).join(" ")}</span>
                  )}
                </dd>
              </div>
            ))}
          </dl>
          <h4 className="mt-3 mb-1 font-semibold">Examples</h4>
          <ul className="flex flex-col gap-0.5">
            {EXAMPLES.map(([filter, what]) => (
              <li key={filter}>
                <code className="code">{filter}</code> <span className="text-muted">{what}</span>
              </li>
            ))}
          </ul>
        </section>
      </DialogBody>
    </Dialog>
  );
}
