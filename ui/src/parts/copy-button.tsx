import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { copyText } from "@/lib/copy";
import { IconButton } from "./button";
import { complain } from "./toasts";

/** How long the tick is seen, in milliseconds. */
const TICK_MS = 1500;

export function CopyButton({ text, label, className }: { text: string; label: string; className?: string }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), TICK_MS);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    if (await copyText(text)) setDone(true);
    else complain("Not copied", "the browser does not allow it here. Select the text and copy it by hand.");
  };
  return (
    <IconButton
      label={done ? "Copied" : label}
      className={className}
      onClick={copy}
      icon={done ? <Check size={14} className="text-ok" /> : <Copy size={14} />}
    />
  );
}
