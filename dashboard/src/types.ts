// The answers of /api/v1 as far as the page shows them.

export type Moment = string;

export interface Session { name: string; role: string | null; via: string; login_needed: boolean; sign_in: string | null }

export interface Traffic { requests_per_second: number; error_ratio: number | null; p95_ms: number | null }
export interface Point {
  at: Moment;
  stable: number; stable_failed: number; stable_p95_ms: number | null;
  canary: number; canary_failed: number; canary_p95_ms: number | null;
}
export interface Exit { at: Moment; status: string; uptime_ms: number }
export interface Instance {
  id: string; revision: string; state: string; ready: boolean; started_at: Moment; pid: number | null;
  exits: Exit[]; memory_bytes: number; cpu_ratio: number; attempts: number; in_flight: number;
  probe: string | null; error: string | null;
}
export interface Frozen { by: string; reason: string; since: Moment; until: Moment | null }
export interface Approval {
  plan: string; to: string; by: string; reason: string; needs: number; from: string[];
  approved_by: string[]; rejected_by: string | null; granted: boolean; since: Moment; until: Moment; then: string;
}
export interface Service {
  name: string; listen: string; worker: boolean; at: Moment;
  stable: string | null; stable_digest: string | null; previous: string[];
  replicas: number; ready: number; health: string;
  canary_weight_ratio: number; lapsed: boolean;
  instances: Instance[]; stable_traffic: Traffic; canary_traffic: Traffic; series: Point[];
  rollout: Rollout | null; alarm: string | null; trouble: string | null;
  budget: Budget | null; frozen: Frozen | null; approval: Approval | null;
}
export interface Waiting { on: string; because: string; since: Moment; until: Moment; then: string }
export interface WhyBack { code: string; because: string; by_person: boolean }
export interface Rollout {
  id: number; kind: string; active: boolean; phase: string; from: string | null; to: string; digest: string;
  steps_ratio: number[]; step: number; admitted_at: Moment; entered_at: Moment; ended_at: Moment | null; by: string;
  paused: { by: string; reason: string; since: Moment } | null; bake_until: Moment | null;
  back: WhyBack | null; rejected: string | null; waiting: Waiting | null; allowed_actions: string[];
  judgement: Judgement | null; triggers: Trigger[];
  eta: { low_ms: number; median_ms: number; high_ms: number | null } | null;
  traffic_back_ms: number | null;
}
export interface Band { estimate: number; low: number; high: number; requests: number; events: number }
export interface Gate {
  gate: string; outcome: string; because: string; canary: Band | null; stable: Band | null;
  limit: string; limit_value: number | null;
  log_e_harm: number; log_e_pass: number; harm_limit: number; pass_limit: number; needs_requests: number | null;
  severity: string | null;
}
export interface Judgement {
  gates: Gate[]; harm: string | null; findings: { kind: string; sentence: string }[];
  log_e_harm: number; harm_limit: number; sources: { source: string; weight_ratio: number; log_e: number }[];
  carried: boolean; confidence: number; requests_now: number; requests_total: number; failed_total: number;
  warming: boolean;
  shadow?: { outcome: string; because: string; needs_pairs: number | null; counts: { pairs: number; different: number; shadow_failed: number } } | null;
}
export interface Trigger {
  trigger: string; grade: string; limit: string; state: string;
  suspected_since: Moment | null; fired_at: Moment | null; cooling_until: Moment | null; figure: string;
}
export interface Objective {
  kind: string; target_ratio: number; under_ms: number | null; requests: number; bad_requests: number;
  budget_requests: number; left_ratio: number; exhausted_in_ms: number | null;
  burn: { urgency: string; factor: number; long_ms: number; short_ms: number; long: number | null; short: number | null; fires: boolean }[];
}
export interface Budget {
  window_ms: number; counted_since: Moment; covers_window: boolean; level: string; left_ratio: number;
  warn_ratio: number; freeze_ratio: number; critical_ratio: number; reopen_ratio: number; min_failures: number;
  thaw_at: Moment | null; unknown: string | null; objectives: Objective[]; rollout_spend_limit_ratio: number | null;
  spend: { objective: string; bad_requests: number; share_ratio: number | null; excess_ratio: number | null } | null;
}
export interface ServiceBudget { service: string; budget: Budget | null; rollouts: RolloutRow[]; burn_down: { at: Moment; left_ratio: number }[] }
export interface Setting {
  key: string; value: string | null; origin: string; line: number | null; environment: string | null; default: string | null;
  about: string; changed: boolean; in_file: string | null; in_file_line: number | null;
}
export interface ServiceConfig {
  service: string; file: string; environment: string | null; rollout: number | null; since: Moment | null;
  changed: number; file_trouble: string | null; settings: Setting[];
}
export interface RolloutRow {
  id: number; service: string; from: string | null; to: string; kind: string; phase: string;
  started_at: Moment; ended_at: Moment | null; outcome: string | null;
  spent_requests: number | null; spent_ratio: number | null;
}
export interface RolloutDetail extends RolloutRow { live: Rollout | null; sequence: number }
export interface Outcomes { assigned: number; judged: number; failed: number; ok: number; shielded: number; server_error: number; connect_error: number; timeout: number; reset: number }
export interface Report {
  rollout: number; service: string; from: string | null; to: string; phase: string; headline: string;
  by: string; reason: string | null; started_at: Moment; ended_at: Moment | null;
  step: number | null; step_ratio: number | null; steps: number; exposed_ms: number | null;
  back: WhyBack | null; deciding: Gate | null; judgement: Judgement | null;
  routes: { route: string; canary: Outcomes; stable: Outcomes }[]; unknown: string[];
  failures: { at: Moment; route: string; method: string; path: string; status: number | null; kind: string; took_ms: number; trace: string | null; shielded: boolean }[];
  instances: { instance: string; pid: number | null; state: string; exits: Exit[]; log: string[] }[];
  changed: string[];
  vetting: { confidence: { score: number; advice: string; because: string; factors: { factor: string; points: number; most_points: number; because: string }[] } | null; lines: string[] };
  infra: { step: string; ok: boolean; status: string; output: string[]; took_ms: number }[];
  cost: { canary_requests: number; failed: number; shielded: number; retried: number; all_at_once: number };
  budget_cost: { objective: string; bad_requests: number; share_ratio: number | null; left_ratio: number; window_ms: number } | null;
  pass: { by: string; approved_by: string; reason: string } | null;
}
export interface Entry {
  sequence: number; at: Moment; actor_kind: string; actor: string; service: string; rollout: number | null;
  kind: string; line: string | null; body: unknown; masked: boolean; previous: string; hash: string;
}
export interface Entries { entries: Entry[]; next_after: number }
export interface Side { requests: number; failed: number; p50_ms: number | null; p95_ms: number | null; p99_ms: number | null }
export interface FilmGate { outcome: string; canary: Band | null; stable: Band | null; limit_value: number | null }
export interface FilmPoint { at: Moment; canary_weight_ratio: number; stable: Side; canary: Side; gates: FilmGate[]; confidence: number; /** What it covers when that is not `point_ms`. */ seconds?: number }
export interface Film { rollout: number; point_ms: number; gates: string[]; points: FilmPoint[] }
export interface Meta { version: string; pid: number; data_dir: string; uptime_ms: number; tcp: string; journal_sequence: number }
export interface Finding { code: string; severity: string; key: string; line: number | null; text: string; fix: string }
export interface Plan {
  service: string; from: string | null; to: string; digest: string; unchanged: boolean; changed: string[];
  requests_per_second: number; steps: PlanStep[]; total_ms: number | null; findings: Finding[]; notes: string[]; path: string[];
}
export interface PlanStep { weight_ratio: number; needs_requests: number | null; expected_ms: number | null; slowest_gate: string | null; hold_ms: number; pause: boolean }
export interface Problem { title: string; status: number; detail: string; code: string; help: string; type: string; allowed_actions: string[]; findings?: Finding[] }
