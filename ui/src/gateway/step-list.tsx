import { CircleCheck, CircleDashed, CircleX } from "lucide-react";
import type { GatewayTried } from "@/api/types";
import { OUTCOMES, STEPS } from "./steps";

const SIGNS = {
  ok: { Icon: CircleCheck, className: "text-ok" },
  problem: { Icon: CircleX, className: "text-bad" },
  skipped: { Icon: CircleDashed, className: "text-muted" },
};

/** How far a try came; what went wrong says what to do. */
export function StepList({ tried }: { tried: GatewayTried }) {
  return (
    <ol aria-label={`Steps to ${tried.gateway}`} className="flex flex-col gap-1.5">
      {tried.steps.map((one) => {
        const { Icon, className } = SIGNS[one.outcome];
        return (
          <li key={one.step} className="flex items-start gap-2">
            <Icon size={16} className={`mt-0.5 shrink-0 ${className}`} aria-hidden="true" />
            <div className="min-w-0">
              <span className={one.outcome === "skipped" ? "text-muted" : ""}>{STEPS[one.step]}</span>
              <span className="sr-only">, {OUTCOMES[one.outcome]}</span>
              {one.outcome === "ok" && one.step === "version" && (
                <span className="text-muted">: {one.message}</span>
              )}
              {one.outcome === "problem" && <p className="break-words text-bad">{one.message}</p>}
            </div>
          </li>
        );
      })}
    </ol>
  );
}
