// How each gate stands: the rule, both sides, how much evidence there is, and how much it still takes.
import { count, inUnit, span } from "../format";
import type { Gate, Judgement, Rollout } from "../types";
import { Meter, Pill, Table, type Tone } from "./ui";

const OUTCOMES: Record<string, [Tone, string]> = {
  pass: ["good", "pass"], fail: ["bad", "fail"], undecided: ["busy", "not sure yet"], "no-data": ["calm", "no data"],
};

/** Share of the evidence that a pass takes. */
const gathered = (gate: Gate): number => (gate.pass_limit > 0 ? Math.min(1, Math.max(0, gate.log_e_pass / gate.pass_limit)) : 0);

function Side({ gate, side }: { gate: Gate; side: "canary" | "stable" }) {
  const band = gate[side];
  if (!band) return <>–</>;
  return <>{inUnit(gate.gate, band.estimate)}{side === "canary" && band.low !== band.high && <small class="block">{inUnit(gate.gate, band.low)} … {inUnit(gate.gate, band.high)}</small>}</>;
}

export function Gates({ judgement, rollout }: { judgement: Judgement; rollout: Rollout | null }) {
  const running = rollout?.active ?? false;
  return (
    <Table label="Gates" head={["Gate", "Limit", ">New version", ">Stable", "Verdict", "Evidence"]}>
      {judgement.gates.map((gate) => {
        const [tone, says] = OUTCOMES[gate.outcome] ?? ["calm", gate.outcome];
        return (
          <tr key={gate.gate}>
            <th scope="row" class="nowrap">{gate.gate}</th>
            <td class="limit">{gate.limit}</td>
            <td class="number"><Side gate={gate} side="canary" /></td>
            <td class="number"><Side gate={gate} side="stable" /></td>
            <td class="nowrap"><Pill tone={tone}>{says}</Pill></td>
            <td class="evidence">
              <Meter ratio={gate.outcome === "pass" ? 1 : gathered(gate)} label={`Evidence for ${gate.gate}`} tone={tone === "bad" ? "bad" : tone === "good" ? "good" : "busy"} />
              <small>{running ? needs(gate) : gate.because}</small>
            </td>
          </tr>
        );
      })}
    </Table>
  );
}

function needs(gate: Gate): string {
  if (gate.outcome === "undecided" && gate.needs_requests) return `needs ≈ ${count(gate.needs_requests)} more requests`;
  return gate.outcome === "pass" ? "shown" : gate.because;
}

export function Eta({ rollout }: { rollout: Rollout }) {
  const eta = rollout.eta;
  if (!eta || !rollout.active || eta.high_ms === 0) return null;
  const most = eta.high_ms === null ? "longer" : span(eta.high_ms);
  return <span>this step's gates in ≈ <b>{span(eta.median_ms)}</b> <span class="muted">({span(eta.low_ms)} … {most})</span></span>;
}

/** Where all evidence together stands between going back and going on. */
export function Confidence({ judgement }: { judgement: Judgement }) {
  const at = Math.min(100, Math.max(0, judgement.confidence));
  const says = at >= 99.5 ? "goes on" : at <= 0.5 ? "goes back" : at > 55 ? "leans to going on" : at < 45 ? "leans to going back" : "nothing is shown yet";
  return (
    <div class="confidence">
      <p><strong class="big">{Math.round(at)}</strong><span class="muted"> / 100 · {says}</span></p>
      <div class="scale" role="meter" aria-label="Confidence" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(at)}><i style={{ left: `${at}%` }} /></div>
      <p class="ends muted" aria-hidden="true"><span>goes back</span><span>goes on</span></p>
      {judgement.sources.length > 0 && (
        <details>
          <summary>What speaks against it</summary>
          <ul class="plain">
            {judgement.sources.map((source) => (
              <li key={source.source}><span>{source.source}</span><span class="number">e = {evidence(source.log_e)}</span></li>
            ))}
            <li><strong>together</strong><span class="number">e = {evidence(judgement.log_e_harm)}, decides at {evidence(judgement.harm_limit)}</span></li>
          </ul>
          {judgement.carried && <p class="muted">An earlier try of the same content left evidence, which counts here.</p>}
        </details>
      )}
    </div>
  );
}

/** e-values are huge or tiny: two figures, and a power of ten beyond. */
function evidence(log: number): string {
  const power = log / Math.LN10;
  if (power >= 4) return `10^${Math.round(power)}`;
  const value = Math.exp(log);
  return value >= 100 ? count(Math.round(value)) : value.toPrecision(2);
}
