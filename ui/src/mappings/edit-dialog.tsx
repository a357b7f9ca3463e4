import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api } from "@/api/client";
import type { Mapping } from "@/api/types";
import { Button } from "@/parts/button";
import { Dialog, DialogBody, DialogFoot } from "@/parts/dialog";
import { Field, Switch, TextField } from "@/parts/field";
import { Notice } from "@/parts/states";
import { say } from "@/parts/toasts";
import { useSubmit } from "@/parts/use-submit";
import { ConditionFields } from "./condition-fields";
import { CorsFields } from "./cors-fields";
import { BLANK, formOf, inputOf, localErrors, type MappingForm } from "./form";
import { HeaderFields } from "./header-fields";
import { JwtFields } from "./jwt-fields";
import { KeyFields } from "./key-fields";
import { PolicyFields } from "./policy-fields";
import { RewriteFields } from "./rewrite-fields";
import { RuleFields } from "./rule-fields";

/** Wait after the last key before the engine is asked, in milliseconds. */
const SETTLE_MS = 250;

interface EditProps {
  /** The one to edit; without it, a new one. */
  mapping?: Mapping | undefined;
  /** What a new one begins with. */
  start?: Partial<MappingForm>;
  onClose: () => void;
}

export function MappingDialog({ mapping, start, onClose }: EditProps) {
  const client = useQueryClient();
  const [form, setForm] = useState<MappingForm>(() => (mapping ? formOf(mapping) : { ...BLANK, ...start }));
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [found, setFound] = useState<Record<string, string>>({});
  const { busy, problem, refused, submit, forget } = useSubmit();
  const own = localErrors(form);

  // Checked as it is typed, by the rules of the engine.
  useEffect(() => {
    if (form.target.trim() === "") return;
    const timer = setTimeout(
      () => api.checkMapping(inputOf(form)).then(setFound, () => setFound({})),
      SETTLE_MS,
    );
    return () => clearTimeout(timer);
  }, [form]);

  const set =
    <K extends keyof MappingForm>(key: K, field: string) =>
    (value: MappingForm[K]) => {
      setForm((before) => ({ ...before, [key]: value }));
      setTouched((before) => new Set(before).add(field));
      forget(field);
    };
  const all = { ...found, ...own };
  const error = (field: string) => refused[field] ?? (touched.has(field) ? all[field] : undefined);
  const save = async () => {
    setTouched(new Set([...Object.keys(all), ...touched]));
    if (Object.keys(own).length > 0) return;
    await submit(async () => {
      const input = inputOf(form);
      if (mapping) await api.editMapping(mapping.id, input);
      else await api.addMapping({ ...input, enabled: true });
      await client.invalidateQueries({ queryKey: ["mappings"] });
      say(mapping ? "Mapping saved" : "Mapping added");
      onClose();
    });
  };
  const http = form.protocol === "http";
  return (
    <Dialog
      wide
      title={mapping ? "Edit mapping" : "Add a mapping"}
      about="A local target and the public address that it wants."
      onClose={onClose}
    >
      <DialogBody className="grid gap-x-5 gap-y-2 md:grid-cols-2">
        {problem && (
          <div className="md:col-span-2">
            <Notice bad>{problem}</Notice>
          </div>
        )}
        <TextField
          mono
          autoFocus
          label="Target"
          placeholder="3000"
          help="A port of this computer, host:port, or a URL."
          value={form.target}
          error={error("target")}
          onChange={set("target", "target")}
        />
        <Field
          label="Protocol"
          help={
            http
              ? "HTTP/1.1, HTTP/2, WebSockets, events."
              : "Any bytes, on a port of the gateway, or TLS that the service ends."
          }
        >
          {(given) => (
            <select
              {...given}
              className="control w-full"
              value={form.protocol}
              onChange={(event) => set("protocol", "protocol")(event.target.value === "tcp" ? "tcp" : "http")}
            >
              <option value="http">HTTP</option>
              <option value="tcp">TCP</option>
            </select>
          )}
        </Field>
        {http ? (
          <HttpFields form={form} set={set} error={error} />
        ) : (
          <TcpFields form={form} set={set} error={error} />
        )}
        {http && <ConditionFields form={form} set={set} error={error} />}
        {http && <KeyFields form={form} set={set} error={error} />}
        {http && <JwtFields form={form} set={set} error={error} />}
        <PolicyFields form={form} set={set} error={error} />
        {http && <RuleFields form={form} set={set} error={error} />}
        {http && <RewriteFields form={form} set={set} error={error} />}
        {http && <HeaderFields form={form} set={set} error={error} />}
        {http && <CorsFields form={form} set={set} error={error} />}
        <div className="pt-2 md:col-span-2">
          <Switch
            label="Keep exchanges"
            help="What comes through is kept on this computer, to look at and to replay."
            checked={form.inspect}
            onChange={set("inspect", "inspect")}
          />
        </div>
      </DialogBody>
      <DialogFoot>
        <Button onClick={onClose}>Cancel</Button>
        <Button look="primary" disabled={busy} onClick={save}>
          {busy ? "Saving…" : mapping ? "Save" : "Add mapping"}
        </Button>
      </DialogFoot>
    </Dialog>
  );
}

export interface FieldsProps {
  form: MappingForm;
  set: <K extends keyof MappingForm>(key: K, field: string) => (value: MappingForm[K]) => void;
  error: (field: string) => string | undefined;
}

function TcpFields({ form, set, error }: FieldsProps) {
  return (
    <>
      <Field
        label="Public address"
        help={
          form.address === "name" ? "Clients connect to it." : "The gateway has no key and reads nothing."
        }
      >
        {(given) => (
          <select
            {...given}
            className="control w-full"
            value={form.address}
            onChange={(event) => set("address", "address")(event.target.value === "host" ? "host" : "name")}
          >
            <option value="name">a port of the gateway</option>
            <option value="host">TLS for a host, to the service as it is</option>
          </select>
        )}
      </Field>
      {form.address === "name" ? (
        <TextField
          label="Port on the gateway"
          placeholder="any"
          help="Empty: one that your token allows."
          inputMode="numeric"
          value={form.remotePort}
          error={error("remote_port")}
          onChange={set("remotePort", "remote_port")}
        />
      ) : (
        <TextField
          mono
          label="Host"
          placeholder="db.example.com"
          value={form.host}
          error={error("host")}
          onChange={set("host", "host")}
        />
      )}
    </>
  );
}

function HttpFields({ form, set, error }: FieldsProps) {
  return (
    <>
      <Field
        label="Public address"
        help={
          form.address === "name" ? "A label under the gateway's domain." : "It must point to the gateway."
        }
      >
        {(given) => (
          <select
            {...given}
            className="control w-full"
            value={form.address}
            onChange={(event) => set("address", "address")(event.target.value === "host" ? "host" : "name")}
          >
            <option value="name">a name under the gateway</option>
            <option value="host">a host of my own</option>
          </select>
        )}
      </Field>
      {form.address === "name" ? (
        <TextField
          mono
          label="Name"
          placeholder="shop"
          help="Empty: one is made up, and remembered."
          value={form.name}
          error={error("name")}
          onChange={set("name", "name")}
        />
      ) : (
        <TextField
          mono
          label="Host"
          placeholder="shop.example.com"
          value={form.host}
          error={error("host")}
          onChange={set("host", "host")}
        />
      )}
      <TextField
        mono
        label="Path"
        placeholder="/"
        help="Only what begins with it."
        value={form.path}
        error={error("path")}
        onChange={set("path", "path")}
      />
      <div className="flex items-center">
        <Switch
          label="Strip the path"
          help="The service sees the rest alone."
          disabled={form.path.trim() === ""}
          checked={form.stripPrefix}
          onChange={set("stripPrefix", "strip_prefix")}
        />
      </div>
      <Field label="Host header" help="What the service sees as its host." error={error("host_header")}>
        {(given) => (
          <div className="flex gap-2">
            <select
              {...given}
              className="control min-w-0 flex-1"
              value={form.hostHeader}
              onChange={(event) =>
                set("hostHeader", "host_header")(event.target.value as MappingForm["hostHeader"])
              }
            >
              <option value="preserve">preserve: the public host</option>
              <option value="rewrite">rewrite: the target's</option>
              <option value="value">this one:</option>
            </select>
            {form.hostHeader === "value" && (
              <input
                aria-label="Host header's value"
                className="control min-w-0 flex-1 font-mono text-xs"
                value={form.hostValue}
                onChange={(event) => set("hostValue", "host_header")(event.target.value)}
              />
            )}
          </div>
        )}
      </Field>
      <TextField
        label="Timeout"
        inputMode="decimal"
        help="Seconds until the first byte of an answer."
        value={form.timeout}
        error={error("timeout_ms")}
        onChange={set("timeout", "timeout_ms")}
      />
      <div className="pb-3 md:col-span-2">
        <Switch
          label="Accept invalid certificates"
          help="For a local https service with a certificate of its own."
          checked={form.insecure}
          onChange={set("insecure", "allow_invalid_certs")}
        />
      </div>
    </>
  );
}
