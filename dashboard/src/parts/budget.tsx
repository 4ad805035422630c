// What is left of the error budget, where it freezes, and how fast it burns.
import { count, percent, span } from "../format";
import type { Budget, Objective } from "../types";
import { Pill, Table, Time, type Tone } from "./ui";

const LEVELS: Record<string, [Tone, string]> = { open: ["good", "open"], warn: ["warn", "low"], frozen: ["bad", "frozen"], critical: ["bad", "critical"] };

export function Level({ budget }: { budget: Budget }) {
  const [tone, says] = LEVELS[budget.level] ?? ["calm", budget.level];
  return <Pill tone={tone} mark={budget.level === "frozen" || budget.level === "critical" ? "❄" : undefined}>{says}</Pill>;
}

/** The budget as a bar with the lines at which something happens. */
export function Gauge({ budget }: { budget: Budget }) {
  const lines: [number, string][] = [[budget.warn_ratio, "warns"], [budget.reopen_ratio, "thaws"], [budget.freeze_ratio, "freezes"], [budget.critical_ratio, "critical"]];
  const left = Math.min(1, Math.max(0, budget.left_ratio));
  return (
    <div class="gauge">
      <p><strong class="big">{percent(budget.left_ratio)}</strong> <span class="muted">left of {span(budget.window_ms)}</span></p>
      <div class={`bar ${LEVELS[budget.level]?.[0] ?? ""}`} role="meter" aria-label="Error budget left" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(left * 100)} aria-valuetext={percent(budget.left_ratio)}>
        <span style={{ width: `${left * 100}%` }} />
        {lines.map(([at, says]) => <i key={says} style={{ left: `${at * 100}%` }} title={`${says} at ${percent(at)}`} />)}
      </div>
      <p class="muted small">
        warns at {percent(budget.warn_ratio)}, freezes at {percent(budget.freeze_ratio)}, thaws at {percent(budget.reopen_ratio)}
        {budget.thaw_at && <>; thaws by <Time at={budget.thaw_at} /> if nothing more fails</>}
      </p>
      {budget.unknown && <p class="muted">{budget.unknown}</p>}
      {!budget.covers_window && <p class="muted small">Counted since <Time at={budget.counted_since} />, which is less than the window.</p>}
    </div>
  );
}

const name = (objective: Objective) => (objective.under_ms ? `answers within ${objective.under_ms} ms` : "answers without failure");

export function Objectives({ budget, service }: { budget: Budget; service: string }) {
  return (
    <Table label={`Objectives of ${service}`} head={["Objective", ">Target", ">Bad", ">Allowed", ">Left", "Exhausted"]}>
      {budget.objectives.map((one) => (
        <tr key={one.kind}>
          <th scope="row">{name(one)}</th>
          <td class="number">{percent(one.target_ratio)}</td>
          <td class="number">{count(one.bad_requests)}</td>
          <td class="number">{count(one.budget_requests)}</td>
          <td class="number">{percent(one.left_ratio)}</td>
          <td class="nowrap">{one.exhausted_in_ms === null ? "not at this rate" : `in ${span(one.exhausted_in_ms)} at this rate`}</td>
        </tr>
      ))}
    </Table>
  );
}

/** Multi-window burn rates: how fast it is spent beside what it bears. */
export function Burn({ budget, service }: { budget: Budget; service: string }) {
  const rows = budget.objectives.flatMap((one) => one.burn.map((burn) => ({ one, burn })));
  if (rows.length === 0) return null;
  const times = (value: number | null) => (value === null ? "–" : `${value.toFixed(value < 10 ? 2 : 0)} ×`);
  return (
    <Table label={`Burn rates of ${service}`} head={["Burn rate of", "Windows", ">Long", ">Short", ">Alerts at", "State"]}>
      {rows.map(({ one, burn }) => (
        <tr key={`${one.kind}${burn.long_ms}`}>
          <th scope="row">{one.kind}</th>
          <td class="nowrap">{span(burn.long_ms)} and {span(burn.short_ms)}</td>
          <td class="number">{times(burn.long)}</td>
          <td class="number">{times(burn.short)}</td>
          <td class="number">{times(burn.factor)}</td>
          <td><Pill tone={burn.fires ? (burn.urgency === "page" ? "bad" : "warn") : "good"}>{burn.fires ? burn.urgency : "calm"}</Pill></td>
        </tr>
      ))}
    </Table>
  );
}
