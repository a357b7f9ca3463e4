/** Round steps for an axis from 0 to at least `max`, at most `steps` of them. */
export function ticks(max: number, steps = 4): number[] {
  if (max <= 0) return [0, 1];
  const rough = max / steps;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((one) => one * power >= rough) ?? 10) * power;
  const whole = Math.max(step, Number.MIN_VALUE);
  return Array.from({ length: Math.ceil(max / whole - 1e-9) + 1 }, (_, index) => index * whole);
}

/** A line through the points as an SVG path; it breaks where there is nothing. */
export function line(
  points: readonly (number | null)[],
  x: (index: number) => number,
  y: (value: number) => number,
): string {
  let path = "";
  let pen = "M";
  for (const [index, value] of points.entries()) {
    if (value === null) {
      pen = "M";
      continue;
    }
    path += `${pen}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  }
  return path;
}
