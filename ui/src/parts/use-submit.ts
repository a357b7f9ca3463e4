import { useState } from "react";
import { Problem, sentence } from "@/api/problem";

export interface Submit {
  busy: boolean;
  /** What was said against it, as a sentence. */
  problem: string | undefined;
  /** And at each field, until that is written anew. */
  refused: Record<string, string>;
  /** Sends; the answer tells whether it was accepted. */
  submit: (send: () => Promise<unknown>) => Promise<boolean>;
  /** The field is written anew. */
  forget: (field: string) => void;
}

/** A form on its way to the engine, and what the engine says against it. */
export function useSubmit(): Submit {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [refused, setRefused] = useState<Record<string, string>>({});
  const submit = async (send: () => Promise<unknown>) => {
    setBusy(true);
    setProblem(undefined);
    setRefused({});
    try {
      await send();
      return true;
    } catch (error) {
      setProblem(sentence(error));
      setRefused(error instanceof Problem ? error.fields : {});
      return false;
    } finally {
      setBusy(false);
    }
  };
  const forget = (field: string) => setRefused(({ [field]: _, ...rest }) => rest);
  return { busy, problem, refused, submit, forget };
}
