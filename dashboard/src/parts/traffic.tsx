// Who serves how much, and how far the steps have come.
import { percent } from "../format";
import type { Report, Rollout, Service } from "../types";

/** A smaller part has room for a name alone; its share is in the description and on the steps. */
const NARROW = 0.15;

export function TrafficBar({ from, to, ratio, label }: { from: string | null; to: string; ratio: number; label?: string }) {
  const text = `${to} gets ${percent(ratio)}, ${from ?? "nothing else"} ${percent(1 - ratio)}`;
  return (
    <div class="traffic" role="img" aria-label={label ?? text}>
      {ratio < 1 && <span class="stable" style={{ flexGrow: 1 - ratio }}><b>{from ?? "–"}</b>{1 - ratio >= NARROW && ` ${percent(1 - ratio)}`}</span>}
      {ratio > 0 && <span class={ratio < 1 ? "canary" : "stable"} style={{ flexGrow: ratio }}><b>{to}</b>{ratio >= NARROW && ` ${percent(ratio)}`}</span>}
    </div>
  );
}

type StepState = "done" | "now" | "bad" | "next";
const MARKS: Record<StepState, string> = { done: "✓", now: "●", bad: "✕", next: "" };

/** `reached` is the step at which it went back. */
function stateOf(at: number, rollout: { phase: string; step: number }, reached: number | null): StepState {
  if (rollout.phase === "succeeded") return "done";
  if (["rolling-back", "rolled-back"].includes(rollout.phase)) {
    if (reached === null) return "next";
    return at < reached ? "done" : at === reached ? "bad" : "next";
  }
  if (["pending", "preparing", "shadowing", "shadowed", "rejected"].includes(rollout.phase)) return "next";
  return at < rollout.step ? "done" : at === rollout.step ? "now" : "next";
}

export function Steps({ ratios, rollout, reached, times }: {
  ratios: number[]; rollout: { phase: string; step: number }; reached: number | null; times: (string | null)[];
}) {
  return (
    <ol class="steps" aria-label="Steps">
      {ratios.map((ratio, at) => {
        const state = stateOf(at, rollout, reached);
        return (
          <li key={at} class={state} aria-current={state === "now" ? "step" : undefined}>
            <span>{MARKS[state]} {percent(ratio)}</span>
            <small>{times[at] ?? ""}</small>
          </li>
        );
      })}
    </ol>
  );
}

/** The new version's share now: what the edge says while it runs, and where it ended. */
export function shareNow(service: Service | undefined, live: Rollout | null, report: Report | null): number {
  if (live?.active) return service?.canary_weight_ratio ?? 0;
  const phase = live?.phase ?? report?.phase;
  return phase === "succeeded" ? 1 : 0;
}
