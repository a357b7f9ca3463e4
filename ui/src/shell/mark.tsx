/** The porthole: a ring with the sea in it. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="16" cy="16" r="14" className="fill-accent-strong" />
      <circle cx="16" cy="16" r="9.5" className="fill-surface" />
      <path
        d="M6.6 17.4c2.2-1.7 4.5-1.7 6.7 0s4.5 1.7 6.7 0 3.6-1.6 5.4-.6A9.5 9.5 0 0 1 6.6 17.4z"
        className="fill-accent"
      />
    </svg>
  );
}
