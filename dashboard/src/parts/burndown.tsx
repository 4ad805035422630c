// The budget as it was after each rollout that took of it, up to now, and on from here at the present rate.
import { ms, percent } from "../format";
import { now } from "../now";
import type { Budget, RolloutRow } from "../types";
import { Chart } from "./chart";

/** Charts do not need a new end every second. */
const STEP_MS = 10_000;

export function BurnDown({ budget, rollouts, name }: { budget: Budget; rollouts: RolloutRow[]; name: string }) {
  const today = Math.floor(now.value / STEP_MS) * STEP_MS;
  const begun = ms(budget.counted_since);
  const all = rollouts.filter((row) => row.ended_at && row.spent_ratio).map((row) => ({ at: ms(row.ended_at!), took: row.spent_ratio! })).sort((a, b) => a.at - b.at);
  const gone = Math.max(0, 1 - budget.left_ratio);
  const told = all.reduce((sum, one) => sum + one.took, 0);
  // A share was measured against the traffic up to then: with more of it since, the same failures are less.
  const scale = told > gone ? gone / told : 1;
  const ends = all.map((one) => ({ at: one.at, took: one.took * scale }));
  const taken = told * scale;
  // What rollouts did not take went bit by bit.
  const otherwise = Math.max(0, gone - taken);
  const at = (time: number) => 1 - (otherwise * (time - begun)) / Math.max(1, today - begun) - ends.filter((one) => one.at <= time).reduce((sum, one) => sum + one.took, 0);
  const times = [...new Set([begun, ...ends.flatMap((one) => [one.at - 1, one.at]), today])].filter((time) => time >= begun && time <= today).sort((a, b) => a - b);
  if (times.length < 2) return null;
  const worst = budget.objectives.reduce((least, one) => (one.left_ratio < least.left_ratio ? one : least), budget.objectives[0]!);
  const runsOut = worst?.exhausted_in_ms ?? null;
  const reach = Math.min(runsOut ?? 0, (today - begun) * 0.5);
  const more = runsOut !== null && reach > 0;
  const spread = more ? [...times, today + reach] : times;
  const left = times.map(at);
  const ahead = more ? [...times.slice(0, -1).map(() => null), budget.left_ratio, budget.left_ratio * (1 - reach / runsOut)] : [];
  const flat = (value: number) => spread.map(() => value);
  return (
    <Chart label={`Error budget of ${name}`} says={`${percent(budget.left_ratio)} left`} times={spread.map((time) => time / 1_000)} format={percent} height={170} range={[Math.min(0, budget.left_ratio), 1.02]}
      lines={[
        { label: "left", colour: "--stable", values: more ? [...left, null] : left, area: true },
        ...(more ? [{ label: "at this rate", colour: "--canary", values: ahead, dashed: true }] : []),
        { label: "freezes", colour: "--limit", values: flat(budget.freeze_ratio), dashed: true },
      ]} />
  );
}
