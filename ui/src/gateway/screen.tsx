import { useQuery } from "@tanstack/react-query";
import { queries } from "@/api/live";
import type { Gateway } from "@/api/types";
import { go } from "@/lib/route";
import { Card, ScreenFrame } from "@/parts/screen";
import { Failed, Loading, Notice } from "@/parts/states";
import { GatewayChoice } from "./choice";
import { Offer } from "./offer";

/** Which gateway is used, and the choice of another. */
export default function GatewayScreen() {
  const { data: gateway, error, refetch } = useQuery(queries.gateway);
  const done = () => go({ screen: "exchanges", id: null });
  return (
    <ScreenFrame title="Gateway" about="The public end of your mappings.">
      {gateway ? (
        <>
          {gateway.offer && <Offer key={gateway.offer.gateway} offer={gateway.offer} onDone={done} />}
          <Card title="In use">
            <div className="flex flex-col gap-2 px-4 py-3">
              <Used gateway={gateway} />
              {!gateway.changeable && gateway.why_not && <Notice>{gateway.why_not}</Notice>}
            </div>
          </Card>
          {gateway.changeable && <GatewayChoice gateway={gateway} onDone={done} />}
        </>
      ) : error ? (
        <Failed error={error} retry={() => refetch()} />
      ) : (
        <Loading what="Asking for the gateway" />
      )}
    </ScreenFrame>
  );
}

const NAMED: Record<NonNullable<Gateway["from"]>, string> = {
  option: "named by an option or a variable of the program",
  file: "named in the configuration file",
  login: "chosen here or by porthole login",
};

function Used({ gateway }: { gateway: Gateway }) {
  if (gateway.kind === "none") return <p>None: no mapping can be reached.</p>;
  return (
    <p>
      {gateway.kind === "trial" ? "The trial gateway on this computer" : "Your gateway"}
      {gateway.origin && (
        <>
          , <span className="code font-medium">{gateway.origin}</span>
        </>
      )}
      {gateway.from ? `, ${NAMED[gateway.from]}.` : "."}
    </p>
  );
}
