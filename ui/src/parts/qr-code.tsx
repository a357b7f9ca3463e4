import { encode } from "uqr";

/** Modules of white around the code: the standard asks for four. */
const QUIET = 4;

/** A URL for a phone's camera, black on white in both looks: cameras want it. */
export function QrCode({ url, className }: { url: string; className: string }) {
  const code = encode(url, { ecc: "M", border: QUIET });
  const path = code.data
    .flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : "")))
    .join("");
  return (
    <svg
      viewBox={`0 0 ${code.size} ${code.size}`}
      role="img"
      aria-label={`QR code of ${url}`}
      className={`rounded-lg bg-[white] ${className}`}
      shapeRendering="crispEdges"
    >
      <path d={path} className="fill-[black]" />
    </svg>
  );
}
