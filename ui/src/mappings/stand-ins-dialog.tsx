import { useQuery } from "@tanstack/react-query";
import { LifeBuoy } from "lucide-react";
import { api } from "@/api/client";
import { queries } from "@/api/live";
import type { Mapping, StandIn } from "@/api/types";
import { bytes } from "@/lib/format";
import { Button } from "@/parts/button";
import { Dialog, DialogBody } from "@/parts/dialog";
import { Empty, Failed, Loading } from "@/parts/states";
import { complain } from "@/parts/toasts";

/** What is answered while the service of a mapping is down. */
export function StandInsDialog({ mapping, onClose }: { mapping: Mapping; onClose: () => void }) {
  const standIns = useQuery(queries.standIns(mapping.id));
  const end = async (standIn: StandIn) => {
    try {
      await api.standDown(standIn.exchange_id);
      await standIns.refetch();
    } catch (error) {
      complain("Not ended", error);
    }
  };
  return (
    <Dialog
      title="Answers when down"
      about={
        <>
          Given while <span className="code">{mapping.target}</span> cannot be reached.
        </>
      }
      onClose={onClose}
    >
      <DialogBody>
        {standIns.error ? (
          <Failed error={standIns.error} retry={() => standIns.refetch()} />
        ) : !standIns.data ? (
          <Loading what="Reading answers" />
        ) : standIns.data.length === 0 ? (
          <Empty icon={<LifeBuoy size={24} />} title="Nothing stands in">
            Open an exchange and choose “Answer with this when down” from its menu.
          </Empty>
        ) : (
          <ul className="-my-2">
            {standIns.data.map((standIn) => (
              <Line key={standIn.exchange_id} standIn={standIn} onEnd={() => end(standIn)} />
            ))}
          </ul>
        )}
      </DialogBody>
    </Dialog>
  );
}

function Line({ standIn, onEnd }: { standIn: StandIn; onEnd: () => void }) {
  const about = [standIn.status, standIn.media_type, bytes(standIn.body_bytes)].filter(Boolean).join(" · ");
  return (
    <li className="flex items-center gap-3 border-b border-line py-2 last:border-b-0">
      <div className="min-w-0 flex-1">
        <p className="code break-all">
          <span className="font-semibold">{standIn.method}</span> {standIn.path}
        </p>
        <p className="text-muted">
          {about} · from{" "}
          <a className="text-accent underline" href={`#/exchanges/${standIn.exchange_id}`}>
            #{standIn.exchange_id}
          </a>
        </p>
      </div>
      <Button className="h-7" aria-label={`Stop answering ${standIn.method} ${standIn.path}`} onClick={onEnd}>
        Stop
      </Button>
    </li>
  );
}
