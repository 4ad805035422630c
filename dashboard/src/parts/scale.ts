// Where axes have their marks.

/** Steps of 1, 2 or 5 times a power of ten: about `wanted` of them from `low` to `high`. */
export function niceTicks(low: number, high: number, wanted: number): number[] {
  const rough = (high - low) / Math.max(1, wanted);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough)!;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
}

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800];

/** Whole seconds, minutes, hours or days of the reader's clock. */
export function timeTicks(from: number, to: number, wanted: number): { at: number[]; step: number } {
  const step = STEPS.find((size) => (to - from) / size <= wanted) ?? STEPS.at(-1)!;
  const shift = new Date(from * 1_000).getTimezoneOffset() * 60;
  const first = Math.ceil((from - shift) / step);
  const last = Math.floor((to - shift) / step);
  return { at: Array.from({ length: last - first + 1 }, (_, n) => Number(((first + n) * step + shift).toFixed(3))), step };
}

const two = (value: number) => String(value).padStart(2, "0");

export function timeLabel(at: number, step: number): string {
  const when = new Date(at * 1_000);
  if (step >= 86_400) return `${two(when.getMonth() + 1)}-${two(when.getDate())}`;
  const minutes = `${two(when.getHours())}:${two(when.getMinutes())}`;
  if (step >= 60) return minutes;
  const seconds = `${minutes}:${two(when.getSeconds())}`;
  return step >= 1 ? seconds : `${seconds}.${Math.floor(when.getMilliseconds() / 100)}`;
}

/** Index of the value nearest to `wanted` in ascending values. */
export function nearest(values: readonly number[], wanted: number): number {
  let low = 0;
  let high = values.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle]! < wanted) low = middle;
    else high = middle;
  }
  return Math.abs(values[low]! - wanted) <= Math.abs(values[high]! - wanted) ? low : high;
}
