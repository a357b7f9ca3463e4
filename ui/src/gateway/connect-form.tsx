import { Plug } from "lucide-react";
import { useState } from "react";
import { Button } from "@/parts/button";
import { TextField } from "@/parts/field";
import { Notice } from "@/parts/states";
import { StepList } from "./step-list";
import { isLink, missing } from "./steps";
import { type Connect, useConnect } from "./use-connect";

/** A gateway's URL and token, or a link that holds both. */
export function ConnectForm({ start, onDone }: { start?: string | undefined; onDone: () => void }) {
  const [form, setForm] = useState({ gateway: start ?? "", token: "" });
  const [sent, setSent] = useState(false);
  const way = useConnect(onDone);
  const errors: Record<string, string> = { ...way.refused, ...(sent ? missing(form) : {}) };
  const set = (key: keyof typeof form) => (text: string) => {
    setForm((before) => ({ ...before, [key]: text }));
    way.forget(key);
  };
  const send = () => {
    setSent(true);
    if (Object.keys(missing(form)).length > 0) return;
    const [gateway, token] = [form.gateway.trim(), form.token.trim()];
    way.connect({ gateway, ...(token ? { token } : {}) });
  };
  return (
    <form
      className="flex flex-col gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <TextField
        mono
        label="Gateway"
        placeholder="https://tunnel.example.com"
        help="Its URL, or the porthole://connect link that the gateway's operator gave you."
        value={form.gateway}
        error={errors.gateway ?? errors.link}
        onChange={set("gateway")}
      />
      {!isLink(form.gateway) && (
        <TokenField value={form.token} error={errors.token} onChange={set("token")} />
      )}
      <Progress way={way} />
      {!way.asksWhere && (
        <div>
          <Button look="primary" type="submit" disabled={way.busy} icon={<Plug size={14} />}>
            {way.busy ? "Trying…" : "Connect"}
          </Button>
        </div>
      )}
    </form>
  );
}

export function TokenField(field: {
  value: string;
  error: string | undefined;
  onChange: (text: string) => void;
}) {
  return (
    <TextField
      mono
      label="Token"
      type="password"
      help="Made at the gateway by porthole-gateway token create."
      {...field}
    />
  );
}

/** What came of it so far, and what is still to be said. */
export function Progress({ way }: { way: Connect }) {
  return (
    <div aria-live="polite" className="flex flex-col gap-2">
      {way.problem && <Notice bad>{way.problem}</Notice>}
      {way.tried && <StepList tried={way.tried} />}
      {way.asksWhere && (
        <fieldset className="flex flex-col gap-2 rounded-lg border border-line p-3">
          <legend className="px-1 font-medium">Where is the token kept?</legend>
          <p className="text-muted">
            This computer has no keychain that answers. In a file, every program that runs as you can read it.
          </p>
          <div className="flex flex-wrap gap-2">
            <Button disabled={way.busy} onClick={() => way.keepIn("file")}>
              In a file that only I can read
            </Button>
            <Button disabled={way.busy} onClick={() => way.keepIn("session")}>
              Nowhere: ask each time
            </Button>
          </div>
        </fieldset>
      )}
    </div>
  );
}
