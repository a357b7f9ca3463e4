import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import { Problem } from "@/api/problem";
import type { GatewayInput, GatewayKeep, GatewayTried } from "@/api/types";
import { say } from "@/parts/toasts";
import { useSubmit } from "@/parts/use-submit";

/** The way to another gateway: tried step by step, then kept. */
export interface Connect {
  busy: boolean;
  problem: string | undefined;
  refused: Record<string, string>;
  forget: (field: string) => void;
  /** How far the last try came. */
  tried: GatewayTried | null;
  /** There is no keychain: the person says where the token is kept. */
  asksWhere: boolean;
  connect: (input: GatewayInput) => void;
  keepIn: (keep: Exclude<GatewayKeep, "keychain">) => void;
}

export function useConnect(onDone: () => void): Connect {
  const client = useQueryClient();
  const { busy, problem, refused, submit, forget } = useSubmit();
  const [tried, setTried] = useState<GatewayTried | null>(null);
  /** What was tried and could not be kept in a keychain. */
  const [waiting, setWaiting] = useState<GatewayInput | null>(null);

  const keep = async (input: GatewayInput, where: GatewayKeep) => {
    await api.chooseGateway({ ...input, keep: where });
    setWaiting(null);
    say("Connecting to the gateway");
    await client.invalidateQueries({ queryKey: ["gateway"] });
    onDone();
  };
  const connect = (input: GatewayInput) =>
    submit(async () => {
      setWaiting(null);
      setTried(null);
      const found = await api.checkGateway(input);
      setTried(found);
      if (!found.ok) return;
      try {
        await keep(input, "keychain");
      } catch (error) {
        if (!(error instanceof Problem && error.code === "no-keychain")) throw error;
        setWaiting(input);
      }
    });
  return {
    busy,
    problem,
    refused,
    forget,
    tried,
    asksWhere: waiting !== null,
    connect,
    keepIn: (where) => {
      if (waiting) submit(() => keep(waiting, where));
    },
  };
}
