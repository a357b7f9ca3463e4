import type { GatewayStep } from "@/api/types";

/** What each step of a try looks at, in the order in which they are made. */
export const STEPS: Record<GatewayStep["step"], string> = {
  name: "The name leads to an address",
  reach: "Something answers there",
  tls: "Its certificate is good",
  gateway: "It is a Porthole gateway",
  token: "It takes the token",
  version: "Both understand each other",
};

/** What stands beside a step, for those who do not see its sign. */
export const OUTCOMES: Record<GatewayStep["outcome"], string> = {
  ok: "done",
  problem: "problem",
  skipped: "not tried",
};

/** Whether what is written is a link that may bring its own token. */
export function isLink(text: string): boolean {
  return text.trim().toLowerCase().startsWith("porthole:");
}

/** A sentence at each field without which there is nothing to try. */
export function missing(form: { gateway: string; token: string }): Record<string, string> {
  const errors: Record<string, string> = {};
  if (form.gateway.trim() === "") errors.gateway = "Write a URL such as https://tunnel.example.com.";
  else if (!isLink(form.gateway) && form.token.trim() === "")
    errors.token = "Paste the token that the gateway gave you.";
  return errors;
}
