/** Numbers and times for people, in the words of the command line. */

const THIN = "\u202f";

/** `1.5 KiB`; whole bytes below that. */
export function bytes(count: number): string {
  if (count < 1024) return `${count}${THIN}B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = count / 1024;
  let unit = 0;
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)}${THIN}${units[unit]}`;
}

/** Microseconds as `840 µs`, `12 ms`, `1.24 s`, `3 m 20 s`. */
export function duration(us: number): string {
  if (us < 1000) return `${Math.round(us)}${THIN}µs`;
  if (us < 9_950) return `${(us / 1000).toFixed(1)}${THIN}ms`;
  if (us < 999_500) return `${Math.round(us / 1000)}${THIN}ms`;
  if (us < 59_950_000) return `${(us / 1_000_000).toFixed(us < 9_995_000 ? 2 : 1)}${THIN}s`;
  return span(us / 1000);
}

/** Milliseconds as the two largest units: `2 h 5 m`. */
export function span(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor((seconds % 86_400) / 3600), "h"],
    [Math.floor((seconds % 3600) / 60), "m"],
    [seconds % 60, "s"],
  ];
  const start = parts.findIndex(([value]) => value > 0);
  if (start < 0) return `0${THIN}s`;
  return parts
    .slice(start, start + 2)
    .filter(([value], index) => index === 0 || value > 0)
    .map(([value, unit]) => `${value}${THIN}${unit}`)
    .join(" ");
}

/** How long ago: `now`, `12 s`, `4 m`, `3 h`, `2 d`. */
export function ago(us: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - us / 1000) / 1000));
  if (seconds < 2) return "now";
  if (seconds < 60) return `${seconds}${THIN}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}${THIN}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}${THIN}h`;
  return `${Math.floor(seconds / 86_400)}${THIN}d`;
}

const two = (value: number) => String(value).padStart(2, "0");

/** `2026-01-31 10:00:00.123` in the reader's time zone. */
export function moment(us: number): string {
  const date = new Date(us / 1000);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${preciseClock(us)}`;
}

/** `10:00:00.123` in the reader's time zone. */
export function preciseClock(us: number): string {
  return `${clock(us)}.${String(new Date(us / 1000).getMilliseconds()).padStart(3, "0")}`;
}

/** `10:00:00` in the reader's time zone. */
export function clock(us: number): string {
  const date = new Date(us / 1000);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function count(value: number, one: string, many = `${one}s`): string {
  return `${value.toLocaleString("en").replaceAll(",", THIN)} ${value === 1 ? one : many}`;
}

export function percent(ratio: number): string {
  const value = ratio * 100;
  return `${value >= 99.995 || value === 0 ? Math.round(value) : value.toFixed(value >= 99 ? 2 : 1)}${THIN}%`;
}
