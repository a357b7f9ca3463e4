import type { ReactNode } from "react";
import { clock } from "@/lib/format";
import { ticks } from "./scale";

export const WIDTH = 900;
export const HEIGHT = 190;
const LEFT = 56;
const BOTTOM = 22;
const TOP = 8;

export interface Frame {
  x: (index: number) => number;
  y: (value: number) => number;
  /** Width of one step. */
  step: number;
}

interface ChartProps {
  title: string;
  /** What is to be read out of it, for those who do not see it. */
  summary: string;
  times: readonly number[];
  max: number;
  write: (value: number) => string;
  legend: [name: string, className: string][];
  at: number | null;
  onAt: (index: number | null) => void;
  children: (frame: Frame) => ReactNode;
}

/** Axes, a legend and a hand that points at one step, around what is drawn. */
export function Chart({ title, summary, times, max, write, legend, at, onAt, children }: ChartProps) {
  const marks = ticks(max);
  const top = marks.at(-1) ?? 1;
  const step = (WIDTH - LEFT) / Math.max(1, times.length);
  const frame: Frame = {
    x: (index) => LEFT + index * step,
    y: (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top),
    step,
  };
  const every = Math.ceil(times.length / 6);
  return (
    <figure className="flex flex-col gap-1 p-4">
      <figcaption className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <span className="flex-1 font-semibold">{title}</span>
        {legend.map(([name, className]) => (
          <span key={name} className="flex items-center gap-1.5 text-xs text-muted">
            <svg width="10" height="10" aria-hidden="true">
              <rect width="10" height="10" rx="2" className={className} />
            </svg>
            {name}
          </span>
        ))}
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`${title}: ${summary}`}
        className="w-full"
        onMouseLeave={() => onAt(null)}
        onMouseMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          const index = Math.floor((((event.clientX - box.left) / box.width) * WIDTH - LEFT) / step);
          onAt(index >= 0 && index < times.length ? index : null);
        }}
      >
        {marks.map((value) => (
          <g key={value}>
            <line x1={LEFT} x2={WIDTH} y1={frame.y(value)} y2={frame.y(value)} className="stroke-line" />
            <text x={LEFT - 8} y={frame.y(value) + 4} textAnchor="end" className="fill-muted text-2xs">
              {value === 0 ? "0" : write(value)}
            </text>
          </g>
        ))}
        {times.map(
          (time, index) =>
            index % every === 0 && (
              <text key={time} x={frame.x(index)} y={HEIGHT - 6} className="fill-muted text-2xs">
                {clock(time).slice(0, 5)}
              </text>
            ),
        )}
        {at !== null && (
          <rect x={frame.x(at)} y={TOP} width={step} height={HEIGHT - TOP - BOTTOM} className="fill-hover" />
        )}
        {children(frame)}
      </svg>
    </figure>
  );
}
