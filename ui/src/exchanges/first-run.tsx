import { useQuery } from "@tanstack/react-query";
import { ExternalLink, Radar } from "lucide-react";
import { queries } from "@/api/live";
import type { Gateway, Mapping } from "@/api/types";
import { GatewayChoice } from "@/gateway/choice";
import { onlyHere } from "@/lib/url";
import { Ports } from "@/mappings/ports";
import { CopyButton } from "@/parts/copy-button";
import { QrCode } from "@/parts/qr-code";
import { Empty, Loading } from "@/parts/states";

/** Before the first request came: what to do for one. */
export function FirstRun() {
  const mappings = useQuery(queries.mappings).data;
  const gateway = useQuery(queries.gateway).data;
  if (gateway && !gateway.chosen && gateway.changeable) {
    return (
      <div className="h-full overflow-auto">
        <Welcome gateway={gateway} />
      </div>
    );
  }
  if (!mappings) return <Loading what="Reading mappings" />;
  const url = mappings.find((mapping) => mapping.state === "live")?.public_url;
  return (
    <div className="h-full overflow-auto">
      {url ? (
        <Waiting url={url} />
      ) : mappings.length > 0 ? (
        <NoneLive />
      ) : (
        <Begin mappings={mappings} trial={gateway?.kind === "trial"} />
      )}
    </div>
  );
}

/** Before anything: which gateway visitors are to come through. */
function Welcome({ gateway }: { gateway: Gateway }) {
  return (
    <div className="mx-auto flex max-w-3xl flex-col gap-4 px-6 py-10">
      <div>
        <h2 className="text-lg font-semibold">Where is your gateway?</h2>
        <p className="text-muted">
          It is the public end: visitors come to it, and it hands their requests to this computer. Another one
          can be chosen at any time, in the settings.
        </p>
      </div>
      {/* The list of ports comes next, by itself. */}
      <GatewayChoice gateway={gateway} onDone={() => {}} />
    </div>
  );
}

function Begin({ mappings, trial }: { mappings: Mapping[]; trial: boolean }) {
  return (
    <div className="mx-auto flex max-w-3xl flex-col gap-4 px-6 py-10">
      <div>
        <h2 className="text-lg font-semibold">No exchanges yet</h2>
        <p className="text-muted">
          Expose a port: its public URL is put on the clipboard, and each request to it shows up here.
        </p>
      </div>
      <Ports mappings={mappings} />
      {trial && (
        <p className="text-muted">
          Its URL works on this computer alone, through the trial gateway.{" "}
          <a className="font-medium text-accent hover:underline" href="#/gateway">
            Connect to a gateway of your own
          </a>{" "}
          for phones and webhooks.
        </p>
      )}
      <p className="text-muted">
        Or run <code className="code text-ink">porthole http 3000</code> in a terminal, or{" "}
        <a className="font-medium text-accent hover:underline" href="#/mappings">
          add a mapping
        </a>{" "}
        with a name, a password or a path.
      </p>
    </div>
  );
}

function NoneLive() {
  return (
    <Empty icon={<Radar size={28} />} title="No exchanges yet">
      No mapping is live.{" "}
      <a className="font-medium text-accent hover:underline" href="#/mappings">
        See why
      </a>
      .
    </Empty>
  );
}

function Waiting({ url }: { url: string }) {
  const web = url.startsWith("http");
  return (
    <Empty icon={<Radar size={28} className="text-accent" />} title="No exchanges yet">
      <p>Waiting for the first request to</p>
      <p className="mt-2 flex items-center justify-center gap-1">
        {web ? (
          <a
            href={url}
            target="_blank"
            rel="noreferrer"
            className="code inline-flex items-center gap-1.5 text-base font-medium text-accent hover:underline"
          >
            {url} <ExternalLink size={14} aria-hidden="true" />
          </a>
        ) : (
          <span className="code text-base font-medium text-ink">{url}</span>
        )}
        <CopyButton text={url} label="Copy URL" />
      </p>
      {onlyHere(url) ? (
        <p className="mt-3">
          Only this computer finds <span className="code">localhost</span>: phones and webhooks need a gateway
          with a name of its own.
        </p>
      ) : (
        web && <QrCode url={url} className="mx-auto mt-5 size-40" />
      )}
    </Empty>
  );
}
