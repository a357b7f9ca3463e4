import { Plus, X } from "lucide-react";
import { Button, IconButton } from "@/parts/button";
import { TextField } from "@/parts/field";
import type { FieldsProps } from "./edit-dialog";

/** Users of one mapping; the gateway takes no more. */
const MAX_USERS = 100;

/** Who may come in, and how often: passwords, addresses and rate limits, decided at the gateway. */
export function PolicyFields({ form, set, error }: FieldsProps) {
  const users = form.users;
  const change = (index: number, part: Partial<(typeof users)[number]>) =>
    set("users", "policy.basic_auth")(users.map((one, at) => (at === index ? { ...one, ...part } : one)));
  const wrong = error("policy.basic_auth");
  return (
    <>
      {form.protocol === "http" && (
        <fieldset className="flex flex-col gap-2 border-t border-line pt-3 pb-1 md:col-span-2">
          <legend className="sr-only">Passwords</legend>
          <div className="flex items-center gap-2">
            <span className="flex-1 font-medium">Passwords</span>
            <Button
              look="quiet"
              className="h-7"
              disabled={users.length >= MAX_USERS}
              icon={<Plus size={14} />}
              onClick={() => set("users", "users")([...users, { user: "", password: "", known: false }])}
            >
              Add a user
            </Button>
          </div>
          {users.length === 0 && <p className="text-xs text-muted">Anybody who knows the URL may come in.</p>}
          {users.map((one, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: users have no name until it is typed
            <div key={index} className="flex items-center gap-2">
              <input
                aria-label={`User ${index + 1}`}
                placeholder="user"
                className="control min-w-0 flex-1"
                value={one.user}
                readOnly={one.known}
                onChange={(event) => change(index, { user: event.target.value })}
              />
              <input
                aria-label={`Password ${index + 1}`}
                type="password"
                autoComplete="new-password"
                placeholder={one.known ? "unchanged" : "password"}
                className="control min-w-0 flex-1"
                value={one.password}
                onChange={(event) => change(index, { password: event.target.value })}
              />
              <IconButton
                label={`Remove user ${one.user}`}
                onClick={() => set("users", "policy.basic_auth")(users.filter((_, at) => at !== index))}
                icon={<X size={14} />}
              />
            </div>
          ))}
          {wrong && <p className="text-xs text-bad">✕ {wrong}</p>}
        </fieldset>
      )}
      <TextField
        mono
        label="Allowed addresses"
        placeholder="203.0.113.0/24"
        help="Empty: all."
        value={form.allow}
        error={error("policy.allow_ip")}
        onChange={set("allow", "policy.allow_ip")}
      />
      <TextField
        mono
        label="Denied addresses"
        placeholder="198.51.100.7"
        value={form.deny}
        error={error("policy.deny_ip")}
        onChange={set("deny", "policy.deny_ip")}
      />
      <TextField
        mono
        label="Rate limit"
        placeholder="100/s"
        help={
          form.protocol === "tcp"
            ? "Connections of all visitors together."
            : "Requests of all visitors together."
        }
        value={form.rate}
        error={error("policy.rate_limit")}
        onChange={set("rate", "policy.rate_limit")}
      />
      <TextField
        mono
        label="Rate limit for each visitor"
        placeholder="600/m"
        help="Counted by address."
        value={form.visitorRate}
        error={error("policy.visitor_rate_limit")}
        onChange={set("visitorRate", "policy.visitor_rate_limit")}
      />
      <TextField
        mono
        inputMode="numeric"
        label={form.protocol === "tcp" ? "Connections at once" : "Requests at once"}
        placeholder="50"
        help="Empty: as many as come."
        value={form.atOnce}
        error={error("policy.max_concurrent")}
        onChange={set("atOnce", "policy.max_concurrent")}
      />
    </>
  );
}
