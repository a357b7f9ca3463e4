import { Field, TextField } from "@/parts/field";
import type { FieldsProps } from "./edit-dialog";
import type { KeysFrom } from "./jwt";

/** What tokens have to be like with which visitors come in. */
export function JwtFields({ form, set, error }: FieldsProps) {
  const wrong = error("policy.jwt");
  const asked = form.tokens !== "none";
  return (
    <>
      <Field
        label="Tokens (JWT)"
        help="Signed by somebody else. Beside passwords and keys: any of them will do."
        error={wrong}
      >
        {(given) => (
          <select
            {...given}
            className="control w-full"
            value={form.tokens}
            onChange={(event) => set("tokens", "tokens")(event.target.value as KeysFrom)}
          >
            <option value="none">none</option>
            <option value="url">with keys that the issuer publishes</option>
            <option value="key">with a public key</option>
            <option value="secret">with a secret</option>
          </select>
        )}
      </Field>
      {form.tokens === "url" && (
        <TextField
          mono
          label="URL of the keys"
          placeholder="https://id.example.com/.well-known/jwks.json"
          help="The gateway fetches them."
          value={form.jwksUrl}
          onChange={set("jwksUrl", "policy.jwt")}
        />
      )}
      {form.tokens === "key" && (
        <Field label="Public key" help="In PEM: RSA, P-256, P-384 or Ed25519.">
          {(given) => (
            <textarea
              {...given}
              rows={4}
              spellCheck={false}
              placeholder="-----BEGIN PUBLIC KEY-----"
              className="control w-full font-mono text-xs"
              value={form.publicKey}
              onChange={(event) => set("publicKey", "policy.jwt")(event.target.value)}
            />
          )}
        </Field>
      )}
      {form.tokens === "secret" && (
        <Field label="Secret" help="32 characters or more. The gateway has to know it, too.">
          {(given) => (
            <input
              {...given}
              type="password"
              autoComplete="new-password"
              placeholder={form.hasSecret ? "unchanged" : "secret"}
              className="control w-full"
              value={form.secret}
              onChange={(event) => set("secret", "policy.jwt")(event.target.value)}
            />
          )}
        </Field>
      )}
      {asked && (
        <>
          <TextField
            mono
            label="Issuer"
            placeholder="https://id.example.com"
            help="Empty: any."
            value={form.issuer}
            onChange={set("issuer", "policy.jwt")}
          />
          <TextField
            mono
            label="Audiences"
            placeholder="shop"
            help="One of them has to be in the token."
            value={form.audiences}
            onChange={set("audiences", "policy.jwt")}
          />
          <Field label="Claims" help="One a line; all of them.">
            {(given) => (
              <textarea
                {...given}
                rows={2}
                spellCheck={false}
                placeholder="role=admin"
                className="control w-full font-mono text-xs"
                value={form.claims}
                onChange={(event) => set("claims", "policy.jwt")(event.target.value)}
              />
            )}
          </Field>
        </>
      )}
    </>
  );
}
