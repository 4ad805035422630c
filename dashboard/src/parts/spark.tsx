// Two minutes of traffic as one line, failures as red ticks below: a glance, not a chart.
import { count } from "../format";
import type { Point } from "../types";

const WIDTH = 120;
const HEIGHT = 28;

export function Spark({ series }: { series: Point[] }) {
  const whole = series.slice(0, -1);
  if (whole.length < 2) return <span class="spark muted">no traffic yet</span>;
  const all = whole.map((point) => point.stable + point.canary);
  const failed = whole.map((point) => point.stable_failed + point.canary_failed);
  const most = Math.max(...all, 1);
  const step = WIDTH / (whole.length - 1);
  const line = all.map((value, at) => `${at ? "L" : "M"}${(at * step).toFixed(1)} ${(HEIGHT - 4 - (value / most) * (HEIGHT - 8)).toFixed(1)}`).join("");
  const total = failed.reduce((sum, value) => sum + value, 0);
  const text = `last ${whole.length} s: ${count(all.reduce((sum, value) => sum + value, 0))} requests, ${count(total)} failed`;
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={text}>
      <title>{text}</title>
      <path class="line" d={line} />
      {failed.map((value, at) => value > 0 && <rect key={at} class="failed" x={at * step - step / 2} y={HEIGHT - 3 - Math.min(12, value)} width={Math.max(1, step * 0.8)} height={Math.min(12, value) + 3} />)}
    </svg>
  );
}
