/** A line that was there: a sign says so, beside the colour. */
export function Before({ text }: { text: string }) {
  return <p className="code bg-bad-soft px-2 break-all whitespace-pre-wrap text-bad">− {text}</p>;
}

/** A line that is there now. */
export function After({ text }: { text: string }) {
  return <p className="code bg-ok-soft px-2 break-all whitespace-pre-wrap text-ok">+ {text}</p>;
}
