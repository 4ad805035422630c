// Numbers and moments for people.

/** By their decimals. To make one takes a hundred times as long as to use it. */
const formats = [0, 1, 2].map((most) => new Intl.NumberFormat("en", { maximumFractionDigits: most, useGrouping: true }));
const digits = (value: number, most: 0 | 1 | 2) => formats[most]!.format(value);

/** 0.0632 → `6.3 %`. Three figures at most; what is not zero never reads as zero. */
export function percent(ratio: number | null | undefined): string {
  if (ratio === null || ratio === undefined || !Number.isFinite(ratio)) return "–";
  const value = ratio * 100;
  const size = Math.abs(value);
  if (size > 0 && size < 0.01) return value < 0 ? "> −0.01 %" : "< 0.01 %";
  return `${digits(value, size >= 99.95 && size < 100 ? 2 : size >= 10 ? 1 : size >= 1 ? 1 : 2)} %`;
}

export const count = (value: number): string => digits(value, 0);
export const rate = (value: number): string => digits(value, value < 10 ? 1 : 0);

/** A request that failed counts as slower than any; a number from here on is no time that was measured. */
const UNTIMED_MS = 132_120.576;
const UNTIMED = "a failure";

export function millis(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value >= UNTIMED_MS) return UNTIMED;
  return value >= 1_000 ? `${digits(value / 1_000, 2)} s` : `${digits(value, value < 10 ? 1 : 0)} ms`;
}

/** The 95th percentile; where more than one in twenty failed, it is one of those. */
export const latency = (side: { p95_ms: number | null; error_ratio: number | null }): string =>
  side.p95_ms === null && (side.error_ratio ?? 0) > 0 ? UNTIMED : millis(side.p95_ms);

/** A span in the two units that matter: `52 s`, `3 min 5 s`, `2 d 4 h`. */
export function span(ms: number): string {
  const s = Math.max(0, ms) / 1_000;
  if (s < 10) return `${digits(s, 1)} s`;
  const parts: [number, string][] = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];
  const at = Math.max(0, parts.findIndex(([size]) => Math.round(s) >= size));
  const [size, unit] = parts[at]!;
  const whole = Math.floor(Math.round(s) / size);
  const next = parts[at + 1];
  const rest = next ? Math.floor((Math.round(s) - whole * size) / next[0]) : 0;
  return rest > 0 && next ? `${whole} ${unit} ${rest} ${next[1]}` : `${whole} ${unit}`;
}

const two = (value: number) => String(value).padStart(2, "0");

export function clock(moment: string | number): string {
  const at = new Date(moment);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** The time of day; with its date when that is not today. */
export function moment(at: string): string {
  const when = new Date(at);
  const day = `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())}`;
  return when.toDateString() === new Date().toDateString() ? clock(at) : `${day} ${clock(at)}`;
}

export const ms = (at: string): number => Date.parse(at);
export const bytes = (value: number): string => `${digits(value / 1_048_576, 0)} MB`;
export const short = (digest: string): string => digest.replace(/^sha256:/, "").slice(0, 12);

/** In a gate's unit: a share, or microseconds. */
export const inUnit = (gate: string, value: number | null | undefined): string =>
  gate.startsWith("latency") ? millis(value === null || value === undefined ? value : value / 1_000) : percent(value);
