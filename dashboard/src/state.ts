// What a state is called, how good it is, and what is worse than what.
import { percent } from "./format";
import type { Rollout, RolloutRow, Service } from "./types";
import type { Tone } from "./parts/ui";

export interface Told { tone: Tone; says: string; mark?: string }

const PHASES: Record<string, Told> = {
  pending: { tone: "busy", says: "begins" },
  preparing: { tone: "busy", says: "preparing" },
  shadowing: { tone: "busy", says: "shadowing" },
  progressing: { tone: "busy", says: "in progress" },
  promoting: { tone: "busy", says: "promoting" },
  baking: { tone: "busy", says: "baking" },
  succeeded: { tone: "good", says: "promoted" },
  shadowed: { tone: "good", says: "shadow passed" },
  "rolling-back": { tone: "bad", says: "going back", mark: "↩" },
  "rolled-back": { tone: "bad", says: "rolled back" },
  rejected: { tone: "bad", says: "rejected" },
};

export const phase = (name: string): Told => PHASES[name] ?? { tone: "calm", says: name };

export function rolloutState(rollout: Rollout): Told {
  if (rollout.paused) return { tone: "warn", says: "paused", mark: "‖" };
  const steps = rollout.steps_ratio.length;
  if (rollout.phase === "progressing") return { tone: "busy", says: `step ${rollout.step + 1} of ${steps}` };
  return phase(rollout.phase);
}

export function rowState(row: RolloutRow): Told {
  const told = phase(row.phase);
  return row.kind === "rollback" && row.phase === "succeeded" ? { ...told, says: "went back" } : told;
}

export function health(service: Service): Told {
  switch (service.health) {
    case "healthy": return { tone: "good", says: "healthy" };
    case "degraded": return { tone: "warn", says: `${service.ready} of ${service.replicas} ready` };
    case "down": return { tone: "bad", says: "down" };
    case "empty": return { tone: "calm", says: "no version yet" };
    default: return { tone: "calm", says: service.health };
  }
}

export const frozen = (service: Service): boolean => service.frozen !== null || ["frozen", "critical"].includes(service.budget?.level ?? "");

/** What a person should look at first has the highest number; 0 is all well. */
export function worry(service: Service): number {
  const rollout = service.rollout;
  if (service.health === "down") return 9;
  if (service.trouble) return 8;
  if (rollout?.phase === "rolling-back") return 7;
  if (service.alarm) return 6;
  if (service.health === "degraded") return 5;
  if (service.budget?.level === "critical") return 5;
  if (service.approval && !service.approval.granted) return 4;
  if (rollout?.paused) return 4;
  if (rollout?.phase === "rolled-back") return 3;
  if (rollout?.active) return 2;
  if (frozen(service)) return 1;
  return 0;
}

/** The one thing to know about a service beside its health. */
export function concern(service: Service): Told | null {
  if (service.trouble) return { tone: "bad", says: service.trouble };
  if (service.alarm) return { tone: "bad", says: service.alarm };
  if (service.approval && !service.approval.granted) return { tone: "warn", says: `${service.approval.to} waits for approval` };
  if (service.frozen) return { tone: "warn", says: `frozen by ${service.frozen.by}`, mark: "❄" };
  if (service.budget && frozen(service)) return { tone: "warn", says: `error budget ${service.budget.level}: ${percent(service.budget.left_ratio)} left`, mark: "❄" };
  if (service.lapsed) return { tone: "warn", says: "the edge took the canary out: control was silent" };
  return null;
}
