import { useQuery } from "@tanstack/react-query";
import { Activity } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { queries } from "@/api/live";
import type { StatsPoint } from "@/api/types";
import { clock, count, duration } from "@/lib/format";
import { Card, ScreenFrame } from "@/parts/screen";
import { Empty, Failed, Loading } from "@/parts/states";
import { Chart } from "./chart";
import { line } from "./scale";

/** How often the charts are drawn anew, in milliseconds. */
const EVERY_MS = 5000;

const SPANS: [label: string, minutes: number][] = [
  ["15 minutes", 15],
  ["1 hour", 60],
  ["6 hours", 360],
  ["24 hours", 1440],
];

const CLASSES: [name: keyof StatsPoint["status"], className: string][] = [
  ["2xx", "fill-chart-2xx"],
  ["3xx", "fill-chart-3xx"],
  ["1xx", "fill-chart-1xx"],
  ["4xx", "fill-chart-4xx"],
  ["5xx", "fill-chart-5xx"],
  ["failed", "fill-chart-failed"],
];

const SHARES: [name: "p50" | "p95" | "p99", fill: string, stroke: string][] = [
  ["p50", "fill-chart-2xx", "stroke-chart-2xx"],
  ["p95", "fill-chart-4xx", "stroke-chart-4xx [stroke-dasharray:6_3]"],
  ["p99", "fill-chart-5xx", "stroke-chart-5xx [stroke-dasharray:2_3]"],
];

/** How much comes, what becomes of it, and how long it takes. */
export default function TrafficScreen() {
  const mappings = useQuery(queries.mappings).data ?? [];
  const [mapping, setMapping] = useState("");
  const [minutes, setMinutes] = useState(60);
  const stats = useQuery({
    queryKey: ["stats", mapping, minutes],
    queryFn: () => api.stats(mapping || undefined, minutes),
    refetchInterval: EVERY_MS,
    placeholderData: (before) => before,
  });
  return (
    <ScreenFrame
      title="Traffic"
      about="Out of the exchanges that are kept."
      actions={
        <>
          <select
            aria-label="Mapping"
            className="control"
            value={mapping}
            onChange={(event) => setMapping(event.target.value)}
          >
            <option value="">all mappings</option>
            {mappings.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name ?? one.host ?? one.target}
              </option>
            ))}
          </select>
          <select
            aria-label="Time"
            className="control"
            value={minutes}
            onChange={(event) => setMinutes(Number(event.target.value))}
          >
            {SPANS.map(([label, value]) => (
              <option key={value} value={value}>
                last {label}
              </option>
            ))}
          </select>
        </>
      }
    >
      {stats.error ? (
        <Failed error={stats.error} retry={() => stats.refetch()} />
      ) : !stats.data ? (
        <Loading what="Counting" />
      ) : stats.data.points.every((point) => point.requests === 0) ? (
        <Card>
          <Empty icon={<Activity size={24} />} title="No requests in this time">
            Choose a longer time, or send a request to a public URL.
          </Empty>
        </Card>
      ) : (
        <Charts points={stats.data.points} stepMs={stats.data.step_ms} />
      )}
    </ScreenFrame>
  );
}

function Charts({ points, stepMs }: { points: StatsPoint[]; stepMs: number }) {
  const [hovered, setAt] = useState<number | null>(null);
  const at = hovered !== null && hovered < points.length ? hovered : null;
  const times = points.map((point) => point.at_us);
  const total = points.reduce((sum, point) => sum + point.requests, 0);
  const failed = points.reduce((sum, point) => sum + point.status["5xx"] + point.status.failed, 0);
  const slowest = Math.max(1000, ...points.map((point) => point.p99_us ?? 0));
  const common = { times, at, onAt: setAt };
  return (
    <>
      <Pointed point={at === null ? undefined : points[at]} total={total} failed={failed} />
      <Card>
        <Chart
          {...common}
          title={`Requests per ${stepMs === 60_000 ? "minute" : duration(stepMs * 1000)}`}
          summary={`${count(total, "request")}, of them ${failed} failed or with 5xx`}
          max={Math.max(1, ...points.map((point) => point.requests))}
          write={String}
          legend={CLASSES}
        >
          {(frame) =>
            points.map((point, index) => {
              let below = 0;
              return CLASSES.map(([name, className]) => {
                const value = point.status[name];
                if (value === 0) return null;
                below += value;
                return (
                  <rect
                    key={point.at_us + name}
                    x={frame.x(index) + frame.step * 0.1}
                    width={frame.step * 0.8}
                    y={frame.y(below)}
                    height={Math.max(0, frame.y(below - value) - frame.y(below))}
                    className={className}
                  />
                );
              });
            })
          }
        </Chart>
      </Card>
      <Card>
        <Chart
          {...common}
          title="Duration"
          summary={`99 of 100 took at most ${duration(slowest)}`}
          max={slowest}
          write={duration}
          legend={SHARES.map(([name, fill]) => [name, fill])}
        >
          {(frame) =>
            SHARES.map(([name, , stroke]) => (
              <path
                key={name}
                d={line(
                  points.map((point) => point[`${name}_us`] ?? null),
                  (index) => frame.x(index) + frame.step / 2,
                  frame.y,
                )}
                className={`fill-none ${stroke}`}
                strokeWidth="2"
                strokeLinejoin="round"
                strokeLinecap="round"
              />
            ))
          }
        </Chart>
      </Card>
    </>
  );
}

/** The numbers of the step that is pointed at, or of all. */
function Pointed({ point, total, failed }: { point: StatsPoint | undefined; total: number; failed: number }) {
  if (!point) {
    return (
      <p className="text-muted">
        {count(total, "request")}, {failed} failed or with 5xx. Point at a chart for the numbers of a moment.
      </p>
    );
  }
  const classes = CLASSES.filter(([name]) => point.status[name] > 0).map(
    ([name]) => `${point.status[name]} ${name}`,
  );
  const times = SHARES.flatMap(([name]) => {
    const us = point[`${name}_us`];
    return us == null ? [] : [`${name} ${duration(us)}`];
  });
  return (
    <p className="text-muted">
      {clock(point.at_us)}: {[count(point.requests, "request"), ...classes, ...times].join(", ")}
    </p>
  );
}
