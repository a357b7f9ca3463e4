import { Repeat2 } from "lucide-react";
import { useState } from "react";
import type { ReplayInput, Summary } from "@/api/types";
import { Button } from "@/parts/button";
import { Dialog, DialogBody, DialogFoot } from "@/parts/dialog";
import { Field } from "@/parts/field";
import { Notice } from "@/parts/states";
import { useSubmit } from "@/parts/use-submit";
import { type Destination, DestinationField, destinationInput, OWN } from "./destination";

/** Replays by one request; the engine takes no more. */
const MAX_TIMES = 100;

export function ReplayDialog({
  row,
  send,
  onClose,
}: {
  row: Summary;
  send: (input: ReplayInput) => Promise<void>;
  onClose: () => void;
}) {
  const [times, setTimes] = useState("1");
  const [to, setTo] = useState<Destination>(OWN);
  const { busy, problem, submit } = useSubmit();
  const [tried, setTried] = useState(false);
  const count = Number(times);
  const badTimes =
    !/^\d{1,3}$/.test(times) || count < 1 || count > MAX_TIMES
      ? `Write a number from 1 to ${MAX_TIMES}.`
      : undefined;
  const destination = destinationInput(to);
  const go = () => {
    setTried(true);
    if (!badTimes && !("error" in destination)) submit(() => send({ ...destination.input, times: count }));
  };
  return (
    <Dialog title={`Replay #${row.id}`} about={`${row.method} ${row.target}`} onClose={onClose}>
      <DialogBody className="flex flex-col gap-2">
        {problem && <Notice bad>{problem}</Notice>}
        <DestinationField
          row={row}
          to={to}
          onTo={setTo}
          error={tried && "error" in destination ? destination.error : undefined}
        />
        <Field label="Times" help="One after the other." error={badTimes}>
          {(given) => (
            <input
              {...given}
              inputMode="numeric"
              className="control w-24"
              value={times}
              onChange={(event) => setTimes(event.target.value.trim())}
            />
          )}
        </Field>
      </DialogBody>
      <DialogFoot>
        <Button onClick={onClose}>Cancel</Button>
        <Button look="primary" disabled={busy} icon={<Repeat2 size={14} />} onClick={go}>
          {busy ? "Replaying…" : "Replay"}
        </Button>
      </DialogFoot>
    </Dialog>
  );
}
