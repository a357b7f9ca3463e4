import type { Policy } from "@/api/types";
import { words } from "./rules";

type Cors = Pick<Policy, "cors">;

/** Which pages of other origins may read answers, as it is typed. */
export interface CorsForm {
  /** Empty: the service speaks for itself. */
  corsOrigins: string;
  corsMethods: string;
  corsHeaders: string;
  corsExpose: string;
  corsCredentials: boolean;
  /** Seconds. */
  corsMaxAge: string;
}

export const BLANK_CORS: CorsForm = {
  corsOrigins: "",
  corsMethods: "",
  corsHeaders: "",
  corsExpose: "",
  corsCredentials: false,
  corsMaxAge: "",
};

/** What a mapping without requests says of pages. */
export const NO_CORS: Cors = { cors: null };

export function corsFormOf({ cors }: Cors): CorsForm {
  if (!cors) return BLANK_CORS;
  return {
    corsOrigins: cors.origins.join(" "),
    corsMethods: cors.methods?.join(" ") ?? "",
    corsHeaders: cors.headers?.join(" ") ?? "",
    corsExpose: cors.expose?.join(" ") ?? "",
    corsCredentials: cors.credentials ?? false,
    corsMaxAge: String(cors.max_age_s ?? ""),
  };
}

/** Whether the gateway speaks in the service's place. */
export const speaks = (form: CorsForm) => words(form.corsOrigins).length > 0;

export function corsOf(form: CorsForm): Cors {
  if (!speaks(form)) return NO_CORS;
  return {
    cors: {
      origins: words(form.corsOrigins),
      methods: words(form.corsMethods).map((method) => method.toUpperCase()),
      headers: words(form.corsHeaders),
      expose: words(form.corsExpose),
      credentials: form.corsCredentials,
      max_age_s: form.corsMaxAge.trim() === "" ? null : Number(form.corsMaxAge),
    },
  };
}

/** What is wrong by itself. */
export function corsErrors(form: CorsForm): Record<string, string> {
  const seconds = Number(form.corsMaxAge);
  if (speaks(form) && !(Number.isInteger(seconds) && seconds >= 0 && seconds <= 86_400)) {
    return { "policy.cors.max_age_s": "Write whole seconds, 0 to 86400, or leave it empty." };
  }
  if (form.corsCredentials && words(form.corsOrigins).includes("*")) {
    return { "policy.cors": "Any origin with credentials would let every page act for its visitors." };
  }
  return {};
}
