import { useQueryClient } from "@tanstack/react-query";
import { Link2 } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import type { Gateway } from "@/api/types";
import { Button } from "@/parts/button";
import { Card } from "@/parts/screen";
import { complain } from "@/parts/toasts";
import { Progress, TokenField } from "./connect-form";
import { useConnect } from "./use-connect";

/** A link that was clicked somewhere: nothing is done before the person says so here. */
export function Offer({ offer, onDone }: { offer: NonNullable<Gateway["offer"]>; onDone: () => void }) {
  const client = useQueryClient();
  const way = useConnect(onDone);
  const [token, setToken] = useState("");
  const decline = () =>
    api
      .declineGateway()
      .then(() => client.invalidateQueries({ queryKey: ["gateway"] }))
      .catch((error) => complain("Not declined", error));
  return (
    <Card title="A link was opened">
      <div className="flex flex-col gap-3 p-4">
        <p className="flex items-start gap-2">
          <Link2 size={16} className="mt-0.5 shrink-0 text-accent" aria-hidden="true" />
          <span>
            Connect to <span className="code font-medium">{offer.gateway}</span>? Visitors of your mappings
            come through it from then on: say yes only to a gateway that you know.
          </span>
        </p>
        {!offer.has_token && <TokenField value={token} error={way.refused.token} onChange={setToken} />}
        <Progress way={way} />
        {!way.asksWhere && (
          <div className="flex gap-2">
            <Button
              look="primary"
              disabled={way.busy}
              onClick={() => way.connect({ offer: true, ...(token ? { token } : {}) })}
            >
              {way.busy ? "Trying…" : "Connect to it"}
            </Button>
            <Button disabled={way.busy} onClick={decline}>
              No, thanks
            </Button>
          </div>
        )}
      </div>
    </Card>
  );
}
