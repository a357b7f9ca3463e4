import { useQuery } from "@tanstack/react-query";
import { Send } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { queries } from "@/api/live";
import type { Exchange, ReplayInput, Summary } from "@/api/types";
import { bytes } from "@/lib/format";
import { Button } from "@/parts/button";
import { Dialog, DialogBody, DialogFoot } from "@/parts/dialog";
import { Field, TextField } from "@/parts/field";
import { Failed, Loading, Notice } from "@/parts/states";
import { useSubmit } from "@/parts/use-submit";
import { decodeText, isText } from "./body/kind";
import { type Destination, DestinationField, destinationInput, OWN } from "./destination";
import { changes, draftOf } from "./edited";

interface EditProps {
  row: Summary;
  send: (input: ReplayInput) => Promise<void>;
  onClose: () => void;
}

/** The request to change and send again. */
export function EditDialog({ row, send, onClose }: EditProps) {
  const exchange = useQuery(queries.exchange(row.id));
  const body = useQuery({
    queryKey: ["body", row.id, "request", "raw"],
    queryFn: () => api.body(row.id, "request", "raw"),
  });
  return (
    <Dialog wide title={`Edit and resend #${row.id}`} about="The original stays as it was." onClose={onClose}>
      {exchange.data && body.data ? (
        <Form exchange={exchange.data} body={body.data.bytes} send={send} onClose={onClose} />
      ) : exchange.error || body.error ? (
        <Failed error={exchange.error ?? body.error} />
      ) : (
        <Loading what="Reading the request" />
      )}
    </Dialog>
  );
}

function Form({
  exchange,
  body,
  send,
  onClose,
}: {
  exchange: Exchange;
  body: Uint8Array;
  send: EditProps["send"];
  onClose: () => void;
}) {
  const { truncated, encoding } = exchange.request;
  const editable = !truncated && encoding.length === 0 && isText(body);
  const [before] = useState(() => draftOf(exchange, editable ? decodeText(body, null) : null));
  const [draft, setDraft] = useState(before);
  const [to, setTo] = useState<Destination>(OWN);
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const { busy, problem, refused, submit } = useSubmit();
  const errors = { ...refused, ...wrong };
  const change = (part: Partial<typeof draft>) => setDraft({ ...draft, ...part });
  const destination = destinationInput(to);
  const resend = () => {
    const made = changes(before, draft);
    setWrong("errors" in made ? made.errors : "error" in destination ? { port: destination.error } : {});
    if ("errors" in made || "error" in destination) return;
    submit(() => send({ ...made.input, ...destination.input }));
  };
  return (
    <>
      <DialogBody className="flex flex-col gap-1">
        {problem && <Notice bad>{problem}</Notice>}
        <div className="grid grid-cols-[8rem_1fr] gap-3">
          <TextField
            mono
            label="Method"
            value={draft.method}
            error={errors.method}
            onChange={(method) => change({ method })}
          />
          <TextField
            mono
            label="Path and query"
            value={draft.target}
            error={errors.target}
            onChange={(target) => change({ target })}
          />
        </div>
        <Field label="Headers" help="One a line. Content-Length follows the body." error={errors.fields}>
          {(given) => (
            <textarea
              {...given}
              spellCheck={false}
              className="control code h-36 w-full resize-y py-1.5 whitespace-pre"
              value={draft.fields}
              onChange={(event) => change({ fields: event.target.value })}
            />
          )}
        </Field>
        {draft.body === null ? (
          <Notice>
            {truncated
              ? `Only the first ${bytes(exchange.request.body_kept)} of the body were kept; that much is sent.`
              : "The body is binary or compressed: it is sent as it was."}
          </Notice>
        ) : (
          <Field label="Body" error={errors.body}>
            {(given) => (
              <textarea
                {...given}
                spellCheck={false}
                className="control code h-48 w-full resize-y py-1.5"
                value={draft.body ?? ""}
                onChange={(event) => change({ body: event.target.value })}
              />
            )}
          </Field>
        )}
        <DestinationField row={exchange} to={to} onTo={setTo} error={errors.port} />
      </DialogBody>
      <DialogFoot>
        <Button onClick={onClose}>Cancel</Button>
        <Button look="primary" disabled={busy} icon={<Send size={14} />} onClick={resend}>
          {busy ? "Sending…" : "Send"}
        </Button>
      </DialogFoot>
    </>
  );
}
