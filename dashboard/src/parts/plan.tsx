// What a deploy would do.
import { count, percent, rate, span } from "../format";
import type { Plan } from "../types";
import { Pill, type Tone } from "./ui";

const TONES: Record<string, Tone> = { error: "bad", warning: "warn", note: "calm" };

export function PlanShown({ plan }: { plan: Plan }) {
  if (plan.unchanged) return <p>{plan.to} is what runs: nothing to do.</p>;
  return (
    <>
      <p><strong>{plan.from ? `${plan.from} → ` : ""}{plan.to}</strong>{plan.total_ms !== null && <span class="muted"> in ≈ {span(plan.total_ms)} at {rate(plan.requests_per_second)} requests a second</span>}</p>
      <ul class="plain">
        {plan.steps.map((step, at) => (
          <li key={at}>
            <span>{percent(step.weight_ratio)}{step.pause && " and waits for a person"}</span>
            <span class="number muted">{step.expected_ms !== null ? `≈ ${span(step.expected_ms)}` : step.needs_requests !== null ? `${count(step.needs_requests)} requests` : "not decidable"}</span>
          </li>
        ))}
      </ul>
      {plan.findings.map((finding) => (
        <p class="finding" key={finding.code + finding.key}><Pill tone={TONES[finding.severity] ?? "calm"}>{finding.severity}</Pill> {finding.text} <span class="muted">{finding.fix}</span></p>
      ))}
      {plan.changed.length > 0 && <details><summary>{plan.changed.length} changes</summary><ul class="plain">{plan.changed.map((line) => <li key={line}>{line}</li>)}</ul></details>}
    </>
  );
}
