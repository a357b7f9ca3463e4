import type { Settings } from "@/api/types";

/** Settings as they are typed; sizes in MiB. */
export interface SettingsForm {
  keep_days: string;
  keep_exchanges: string;
  keep_bytes: string;
  body_bytes: string;
  capture: boolean;
}

const MIB = 1024 * 1024;
const SIZES = ["keep_bytes", "body_bytes"] as const;
const NUMBERS = ["keep_days", "keep_exchanges"] as const;

export function formOf(settings: Settings): SettingsForm {
  return {
    keep_days: String(settings.keep_days),
    keep_exchanges: String(settings.keep_exchanges),
    keep_bytes: String(settings.keep_bytes / MIB),
    body_bytes: String(settings.body_bytes / MIB),
    capture: settings.capture,
  };
}

/** The settings with what was typed, or a sentence per field that is no number. */
export function read(
  form: SettingsForm,
  before: Settings,
): { settings: Settings } | { errors: Record<string, string> } {
  const errors: Record<string, string> = {};
  const settings = { ...before, capture: form.capture };
  for (const name of NUMBERS) {
    settings[name] = Number(form[name]);
    if (!/^\d{1,12}$/.test(form[name].trim())) errors[name] = "Write a whole number.";
  }
  for (const name of SIZES) {
    settings[name] = Math.round(Number(form[name]) * MIB);
    if (!/^\d{1,9}(\.\d{1,6})?$/.test(form[name].trim())) errors[name] = "Write a number of MiB.";
  }
  return Object.keys(errors).length > 0 ? { errors } : { settings };
}
