import { Switch, TextField } from "@/parts/field";
import { speaks } from "./cors";
import type { FieldsProps } from "./edit-dialog";

/** Which pages of other origins may read answers. */
export function CorsFields({ form, set, error }: FieldsProps) {
  return (
    <>
      <div className="md:col-span-2">
        <TextField
          mono
          label="Other origins (CORS)"
          placeholder="https://app.example"
          help="Their pages may read answers; * is any. Empty: the service speaks for itself."
          value={form.corsOrigins}
          error={error("policy.cors")}
          onChange={set("corsOrigins", "policy.cors")}
        />
      </div>
      {speaks(form) && (
        <>
          <TextField
            mono
            label="Methods of their pages"
            placeholder="PUT DELETE"
            help="Beside GET, HEAD and POST; * is any."
            value={form.corsMethods}
            onChange={set("corsMethods", "policy.cors")}
          />
          <TextField
            mono
            label="Header fields they send"
            placeholder="Content-Type"
            help="* is any."
            value={form.corsHeaders}
            onChange={set("corsHeaders", "policy.cors")}
          />
          <TextField
            mono
            label="Header fields they read"
            placeholder="X-Total"
            help="Beside the usual ones."
            value={form.corsExpose}
            onChange={set("corsExpose", "policy.cors")}
          />
          <TextField
            label="Ask again after"
            inputMode="numeric"
            placeholder="as the browser likes"
            help="Seconds."
            value={form.corsMaxAge}
            error={error("policy.cors.max_age_s")}
            onChange={set("corsMaxAge", "policy.cors.max_age_s")}
          />
          <div className="pb-3 md:col-span-2">
            <Switch
              label="With credentials"
              help="Their pages may send cookies and passwords; not with any origin."
              checked={form.corsCredentials}
              onChange={set("corsCredentials", "policy.cors")}
            />
          </div>
        </>
      )}
    </>
  );
}
