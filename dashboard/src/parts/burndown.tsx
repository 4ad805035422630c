// How the window's budget went: what was counted, not what rollouts say of themselves; and on from here at the present rate.
import { ms, percent } from "../format";
import { now } from "../now";
import type { Budget, RolloutRow, ServiceBudget } from "../types";
import { Chart, type Line, type Mark } from "./chart";

/** Charts do not need a new end every second. */
const STEP_MS = 10_000;

export function BurnDown({ budget, told, name }: { budget: Budget; told: ServiceBudget; name: string }) {
  const points = told.burn_down;
  const today = Math.max(Math.floor(now.value / STEP_MS) * STEP_MS, ms(points.at(-1)?.at ?? ""));
  if (points.length < 2 || ms(points[0]!.at) >= today) return null;
  const times = [...points.map((point) => ms(point.at)), today];
  const left = [...points.map((point) => point.left_ratio), budget.left_ratio];
  const runsOut = budget.objectives.reduce((least, one) => (one.left_ratio < least.left_ratio ? one : least), budget.objectives[0]!).exhausted_in_ms;
  const reach = budget.left_ratio > 0 ? Math.min(runsOut ?? 0, (today - times[0]!) * 0.5) : 0;
  const ahead: Line[] = reach > 0
    ? [{ label: "at this rate", colour: "--canary", dashed: true, values: [...left.slice(0, -1).map(() => null), budget.left_ratio, budget.left_ratio * (1 - reach / runsOut!)] }]
    : [];
  const spread = reach > 0 ? [...times, today + reach] : times;
  const flat = (label: string, value: number): Line => ({ label, colour: "--limit", values: spread.map(() => value), dashed: true });
  const frozen = budget.level === "frozen" || budget.level === "critical";
  return (
    <div>
      <Chart label={`Error budget of ${name}`} says={`${percent(budget.left_ratio)} left`} times={spread.map((time) => time / 1_000)} format={percent} height={170}
        marks={marks(told.rollouts)} range={[Math.min(0, budget.left_ratio), 1.02]}
        lines={[
          { label: "left", colour: "--stable", values: reach > 0 ? [...left, null] : left, area: true }, ...ahead,
          flat("freezes", budget.freeze_ratio), ...(frozen ? [flat("thaws", budget.reopen_ratio)] : []),
        ]} />
      <p class="muted small">What failed within the window, as shares of its budget, when it failed. What is older than the window has left it.</p>
    </div>
  );
}

const NOTICEABLE = 0.01;

/** Where a rollout took a part that can be seen. */
const marks = (rollouts: readonly RolloutRow[]): Mark[] =>
  rollouts
    .filter((row) => row.ended_at && (row.spent_ratio ?? 0) >= NOTICEABLE)
    .map((row) => ({ at: ms(row.ended_at!) / 1_000, label: `rollout ${row.id}`, bad: row.phase === "rolled-back" }))
    .sort((a, b) => a.at - b.at);
