// One service: how it is, what runs, what was, and two rollouts beside each other.
import { useState } from "preact/hooks";
import { bytes, count, inUnit, latency, millis, ms, percent, rate, short, span } from "../format";
import { services } from "../live";
import { Refused, post, resource } from "../net";
import { act, deploy, freeze, goBack } from "../parts/acts";
import { Gauge, Level } from "../parts/budget";
import { Chart } from "../parts/chart";
import { Config } from "../parts/config";
import { RolloutList } from "../parts/history";
import { PlanShown } from "../parts/plan";
import { TrafficBar } from "../parts/traffic";
import { Ago, Card, Empty, Loading, Pill, Table, Time, Title, Trouble } from "../parts/ui";
import { go } from "../route";
import { concern, health, phase, rolloutState } from "../state";
import type { Plan, Problem, Report, Service } from "../types";

export function ServicePage({ name, compare }: { name: string; compare: number[] }) {
  const service = services.value.get(name);
  if (!service) {
    return <><Title text="No such service" /><Card><Empty>There is no service <code>{name}</code> here. <a href="/">All services</a></Empty></Card></>;
  }
  const told = health(service);
  const trouble = concern(service);
  const previous = service.previous[0];
  return (
    <>
      <div class="headline">
        <div>
          <Title text={name}>{name} <Pill tone={told.tone}>{told.says}</Pill></Title>
          <p class="muted">{service.stable ?? "no version"} · {service.ready} of {service.replicas} ready · {service.worker ? "a worker" : <>on <code>{service.listen}</code></>}{service.stable_digest && <> · <code>{short(service.stable_digest)}</code></>}</p>
        </div>
        <div class="acts" role="group" aria-label="Actions">
          {previous && !service.rollout?.active && <button type="button" onClick={() => act(goBack(name, previous))}>Back to {previous}</button>}
          <button type="button" onClick={() => act(freeze(service))}>{service.frozen ? "Unfreeze" : "Freeze"}</button>
        </div>
      </div>
      {trouble && <p class={`finding card ${trouble.tone}`}><Pill tone={trouble.tone} mark={trouble.mark}>{trouble.says}</Pill>{service.frozen && <> “{service.frozen.reason}” <Ago at={service.frozen.since} /></>}</p>}
      {compare.length > 0 && <Compare name={name} ids={compare} />}
      <div class="columns">
        <div class="main">
          <Present service={service} />
          {!service.worker && <LastMinutes service={service} />}
          <Instances service={service} />
          <History name={name} compare={compare} />
          <Config service={name} />
        </div>
        <div class="side">
          <Next service={service} />
          {service.budget && <Card title="Error budget" aside={<Level budget={service.budget} />}><Gauge budget={service.budget} /><p><a href="/-/budgets">All budgets</a></p></Card>}
          {service.approval && !service.approval.granted && <Card tone="warn" title="Approval"><p>{service.approval.by} asks for {service.approval.to}. <a href="/-/approvals">Look at it</a></p></Card>}
        </div>
      </div>
    </>
  );
}

function Present({ service }: { service: Service }) {
  const rollout = service.rollout;
  if (!rollout) return null;
  const told = rolloutState(rollout);
  return (
    <Card title={rollout.active ? "Rollout" : "Last rollout"} tone={rollout.active ? "busy" : undefined} aside={<a href={`/${service.name}/${rollout.id}`}>rollout {rollout.id}</a>}>
      <p>{rollout.from ? `${rollout.from} → ` : ""}{rollout.to} <Pill tone={told.tone} mark={told.mark}>{told.says}</Pill></p>
      {rollout.active && <TrafficBar from={rollout.from} to={rollout.to} ratio={service.canary_weight_ratio} />}
      {rollout.waiting && <p class="muted">{rollout.waiting.because}</p>}
      {rollout.back && <p class="muted">{rollout.back.because}</p>}
    </Card>
  );
}

function LastMinutes({ service }: { service: Service }) {
  const points = service.series.slice(0, -1);
  if (points.length < 2) return <Card title="Last two minutes"><Empty>No request yet.</Empty></Card>;
  const times = points.map((point) => ms(point.at) / 1_000);
  const all = points.map((point) => point.stable + point.canary);
  const failed = points.map((point) => point.stable_failed + point.canary_failed);
  return (
    <Card title="Last two minutes">
      <Chart label="Requests and failures a second" says={`${count(all.at(-1)!)} requests, ${count(failed.at(-1)!)} failed`} times={times} format={rate} group={service.name} height={140}
        lines={[{ label: "requests", colour: "--stable", values: all, area: true }, { label: "failed", colour: "--bad", values: failed }]} />
      <Chart label="Latency p95" says={latency(service.stable_traffic)} times={times} format={millis} group={service.name} height={110}
        lines={[{ label: "p95", colour: "--stable", values: points.map((point) => point.stable_p95_ms) }]} />
    </Card>
  );
}

function Instances({ service }: { service: Service }) {
  return (
    <Card title="Instances">
      {service.instances.length === 0 ? <Empty>Nothing runs.</Empty> : (
        <Table label="Instances" head={["Instance", "Version", "State", ">Since", ">In flight", ">CPU", ">Memory"]}>
          {service.instances.map((one) => {
            const canary = service.stable_digest !== one.revision;
            return (
              <tr key={one.id}>
                <th scope="row" class="nowrap">{one.id}{one.pid && <small class="muted block">pid {one.pid}</small>}</th>
                <td><span class={canary ? "dot canary" : "dot stable"}>{canary ? service.rollout?.to ?? short(one.revision) : service.stable}</span></td>
                <td><Pill tone={one.ready ? "good" : one.state === "running" || one.state === "starting" ? "busy" : "bad"}>{one.ready ? "ready" : one.state}</Pill>{(one.error ?? one.exits.at(-1)) && <small class="muted block">{one.error ?? one.exits.at(-1)!.status}</small>}</td>
                <td class="number nowrap"><Ago at={one.started_at} /></td>
                <td class="number">{count(one.in_flight)}</td>
                <td class="number">{percent(one.cpu_ratio)}</td>
                <td class="number nowrap">{bytes(one.memory_bytes)}</td>
              </tr>
            );
          })}
        </Table>
      )}
    </Card>
  );
}

function History({ name, compare }: { name: string; compare: number[] }) {
  const choose = (id: number) => {
    const next = compare.includes(id) ? compare.filter((one) => one !== id) : [...compare, id].slice(-2);
    go(next.length ? `/${name}?compare=${next.join(",")}` : `/${name}`, true);
  };
  return <Card title="History" aside={<span class="muted">tick two to compare</span>}><RolloutList service={name} choice={{ chosen: compare, choose }} /></Card>;
}

/** What the file describes now, and what a deploy of it would do. */
function Next({ service }: { service: Service }) {
  const [plan, setPlan] = useState<Plan | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const look = async () => {
    setBusy(true);
    setProblem(null);
    try {
      setPlan(await post<Plan>(`/api/v1/services/${service.name}/plan`, {}));
    } catch (error) {
      setProblem(error instanceof Refused ? error.problem : null);
    }
    setBusy(false);
  };
  return (
    <Card title="Next">
      {!plan && <p class="muted">What the file describes now, and what a deploy of it would do.</p>}
      {plan && <PlanShown plan={plan} />}
      {problem && <Trouble problem={problem} />}
      <p class="acts">
        <button type="button" disabled={busy} onClick={look}>{plan ? "Plan again" : "Plan"}</button>
        {plan && !plan.unchanged && <button type="button" class="primary" onClick={() => act(deploy(service.name, plan.to))}>Deploy {plan.to}</button>}
      </p>
    </Card>
  );
}

function Compare({ name, ids }: { name: string; ids: number[] }) {
  const [first, second] = ids;
  return (
    <Card title="Compare" aside={<a href={`/${name}`}>close</a>}>
      {ids.length < 2 ? <Empty>Rollout {first} is chosen: tick another one in the history.</Empty> : <Beside a={first!} b={second!} />}
    </Card>
  );
}

function Beside({ a, b }: { a: number; b: number }) {
  const both = [a, b].map((id) => resource<Report>(`/api/v1/rollouts/${id}/report`));
  const problem = both.map((one) => one.problem.value).find(Boolean);
  const [x, y] = both.map((one) => one.data.value);
  if (problem) return <Trouble problem={problem} />;
  if (!x || !y) return <Loading />;
  const took = (report: Report) => (report.ended_at ? span(ms(report.ended_at) - ms(report.started_at)) : "goes on");
  const gates = [...new Set([x, y].flatMap((report) => report.judgement?.gates.map((gate) => gate.gate) ?? []))];
  const gate = (report: Report, name: string) => {
    const one = report.judgement?.gates.find((gate) => gate.gate === name);
    return one?.canary ? `${inUnit(name, one.canary.estimate)} (stable ${inUnit(name, one.stable?.estimate)}), ${one.outcome}` : "–";
  };
  const rows: [string, (report: Report) => string][] = [
    ["Version", (r) => `${r.from ?? "–"} → ${r.to}`],
    ["Outcome", (r) => r.back?.because ?? phase(r.phase).says],
    ["By", (r) => `${r.by}${r.reason ? `: ${r.reason}` : ""}`],
    ["Took", took],
    ["Users on it for", (r) => (r.exposed_ms === null ? "–" : span(r.exposed_ms))],
    ["Requests to it", (r) => count(r.cost.canary_requests)],
    ["Failed", (r) => `${count(r.cost.failed)} (${percent(r.cost.canary_requests ? r.cost.failed / r.cost.canary_requests : 0)})`],
    ...gates.map((name): [string, (report: Report) => string] => [name, (r) => gate(r, name)]),
    ["Error budget", (r) => (r.budget_cost ? percent(r.budget_cost.share_ratio) : "–")],
    ["Changed", (r) => r.changed.join("; ") || "–"],
  ];
  return (
    <Table label="Two rollouts" head={[<span class="unseen" key="what">What</span>, ...[x, y].map((report) => <a key={report.rollout} href={`/${report.service}/${report.rollout}`}>rollout {report.rollout}</a>)]}>
      {rows.map(([says, of]) => (
        <tr key={says} class={of(x) === of(y) ? "" : "differs"}><th scope="row">{says}</th><td>{of(x)}</td><td>{of(y)}</td></tr>
      ))}
      <tr><th scope="row">Started</th><td><Time at={x.started_at} /></td><td><Time at={y.started_at} /></td></tr>
    </Table>
  );
}
