import { useQueryClient } from "@tanstack/react-query";
import { Laptop, Server } from "lucide-react";
import type { ReactNode } from "react";
import { api } from "@/api/client";
import type { Gateway } from "@/api/types";
import { Button } from "@/parts/button";
import { Notice } from "@/parts/states";
import { say } from "@/parts/toasts";
import { useSubmit } from "@/parts/use-submit";
import { ConnectForm } from "./connect-form";

/** The two ways to a gateway: one on this computer, or one's own. */
export function GatewayChoice({ gateway, onDone }: { gateway: Gateway; onDone: () => void }) {
  return (
    <div className="grid items-start gap-4 md:grid-cols-2">
      <Way icon={<Laptop size={18} />} title="Try it on this computer">
        <TryHere gateway={gateway} onDone={onDone} />
      </Way>
      <Way icon={<Server size={18} />} title="Connect to your gateway">
        <p className="mb-3 text-muted">One that runs on a machine with a public name.</p>
        <ConnectForm
          start={gateway.kind === "configured" ? (gateway.origin ?? undefined) : undefined}
          onDone={onDone}
        />
      </Way>
    </div>
  );
}

function Way({ icon, title, children }: { icon: ReactNode; title: string; children: ReactNode }) {
  return (
    <section className="rounded-xl border border-line bg-surface p-4">
      <h3 className="mb-2 flex items-center gap-2 font-semibold">
        <span className="text-accent">{icon}</span> {title}
      </h3>
      {children}
    </section>
  );
}

function TryHere({ gateway, onDone }: { gateway: Gateway; onDone: () => void }) {
  const client = useQueryClient();
  const { busy, problem, submit } = useSubmit();
  const used = gateway.kind === "trial" && gateway.chosen;
  const start = () =>
    submit(async () => {
      await api.tryGatewayHere();
      say("Starting the trial gateway");
      await client.invalidateQueries({ queryKey: ["gateway"] });
      onDone();
    });
  return (
    <div className="flex flex-col gap-3">
      <p className="text-muted">
        A small gateway runs beside Porthole. Its URLs work in the browsers and programs of this computer, and
        nowhere else: enough to look around.
      </p>
      {!gateway.trial_available && (
        <Notice>
          The gateway's program is not on this computer: install the package{" "}
          <span className="code">porthole-gateway</span>.
        </Notice>
      )}
      {problem && <Notice bad>{problem}</Notice>}
      <div>
        <Button look="primary" disabled={busy || used || !gateway.trial_available} onClick={start}>
          {used ? "In use" : busy ? "Starting…" : "Try it here"}
        </Button>
      </div>
    </div>
  );
}
