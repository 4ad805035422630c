// A rollout: what is happening, why, and what one can do about it, in the order of worth.
import { useEffect, useMemo, useState } from "preact/hooks";
import { useFilm } from "../film";
import { count, inUnit, millis, ms, percent, short, span } from "../format";
import { own } from "../keys";
import { cursor, onEntry, services } from "../live";
import { resource, useResource } from "../net";
import { now } from "../now";
import { actions, act } from "../parts/acts";
import { Chart, type Line, type Mark } from "../parts/chart";
import { Confidence, Eta, Gates } from "../parts/gates";
import { Gauge, Level } from "../parts/budget";
import { Logs } from "../parts/logs";
import { Steps, TrafficBar, shareNow } from "../parts/traffic";
import { Timeline } from "../parts/timeline";
import { Triggers } from "../parts/triggers";
import { Card, Empty, Loading, Pill, Table, Time, Title, Trouble, Until } from "../parts/ui";
import { useSame, useSettled } from "../settled";
import { phase, rolloutState } from "../state";
import type { Band, Entries, Entry, Report, Rollout, RolloutDetail, Film, Service } from "../types";

export function RolloutPage({ name, id }: { name: string; id: number }) {
  const at = `/api/v1/rollouts/${id}`;
  const detail = useResource<RolloutDetail>(at);
  const report = useResource<Report>(`${at}/report`);
  const entries = useEntries(id);
  const service = services.value.get(name);
  const now = service?.rollout?.id === id ? service.rollout : null;
  const live = now ?? detail.data.value?.live ?? null;
  // The report is made of what was recorded: it changes when something is.
  useSettled(entries.at(-1)?.sequence, () => {
    if (entries.length > 0) {
      void report.refresh();
      void detail.refresh();
    }
  });
  const told = report.data.value;
  const problem = detail.problem.value ?? report.problem.value;
  if (!told || told.service !== name) {
    if (told) return <><Title text={`Rollout ${id}`} /><Empty>Rollout {id} is of another service: <a href={`/${told.service}/${id}`}>{told.service}</a>.</Empty></>;
    return <><Title text={`Rollout ${id}`} />{problem ? <Trouble problem={problem} /> : <Loading />}</>;
  }
  return <Shown service={service} live={live} report={told} entries={entries} />;
}

/** All entries of a rollout: those recorded, and each new one as it comes. */
function useEntries(id: number): readonly Entry[] {
  const recorded = resource<Entries>(`/api/v1/rollouts/${id}/events`);
  const [more, setMore] = useState<readonly Entry[]>([]);
  useEffect(() => {
    setMore([]);
    // What was kept from an earlier look may end before what this tab has heard since.
    if ((recorded.data.value?.next_after ?? 0) < cursor()) void recorded.refresh();
    return onEntry((entry) => entry.rollout === id && setMore((before) => [...before, entry]));
  }, [id]);
  const first = recorded.data.value?.entries;
  return useMemo(() => {
    const last = first?.at(-1)?.sequence ?? 0;
    return [...(first ?? []), ...more.filter((entry) => entry.sequence > last)];
  }, [first, more]);
}

interface Parts { service: Service | undefined; live: Rollout | null; report: Report; entries: readonly Entry[] }

function Shown({ service, live, report, entries }: Parts) {
  const film = useFilm(report.rollout, report.service);
  const judgement = live?.judgement ?? report.judgement;
  const marks = useSame(useMemo(() => marksOf(entries, report), [entries, report.phase]));
  useActions(live, report.service);
  // What is large and changes rarely is not gone through ten times a second.
  const charts = useMemo(() => <Charts film={film} marks={marks} report={report} />, [film, marks, report.rollout, report.from, report.to, report.ended_at]);
  const timeline = useMemo(() => <Timeline entries={entries} />, [entries]);
  const steps = live?.steps_ratio ?? planned(entries);
  return (
    <>
      <Headline live={live} report={report} />
      <Why live={live} report={report} />
      <div class="columns">
        <div class="main">
          <Card title={service?.worker ? "Instances" : "Traffic"} aside={live && <Eta rollout={live} />}>
            <TrafficBar from={report.from} to={report.to} ratio={shareNow(service, live, report)} />
            {steps.length > 0 && <Steps ratios={steps} rollout={live ?? { phase: report.phase, step: report.step ?? 0 }} reached={report.back ? report.step : null} times={stepTimes(entries, steps.length)} />}
          </Card>
          {!service?.worker && charts}
          {judgement && judgement.gates.length > 0 && <Card title="Gates"><Gates judgement={judgement} rollout={live} /></Card>}
          {judgement?.findings.map((finding) => <p class="finding card warn" key={finding.kind}><strong>To know</strong> {finding.sentence}</p>)}
          <Routes report={report} />
          <Card title="Logs" id="logs"><Logs service={report.service} live={live?.active ? live : null} report={report} /></Card>
        </div>
        <div class="side">
          {judgement && <Card title="Confidence"><Confidence judgement={judgement} /></Card>}
          <Vetted report={report} />
          {service?.budget && <Card title="Error budget" aside={<Level budget={service.budget} />}><Gauge budget={service.budget} /></Card>}
          <Card title="Timeline">{timeline}</Card>
          <Changed report={report} />
          {live && live.triggers.length > 0 && <Card title="Triggers"><Triggers triggers={live.triggers} of={report.service} /></Card>}
        </div>
      </div>
    </>
  );
}

function Headline({ live, report }: { live: Rollout | null; report: Report }) {
  const told = live ? rolloutState(live) : phase(report.phase);
  const started = ms(report.started_at);
  const took = (report.ended_at ? ms(report.ended_at) : now.value) - started;
  const address = `/${report.service}/${report.rollout}`;
  return (
    <div class="headline">
      <div>
        <Title text={`${report.service} · ${report.from ? `${report.from} → ` : ""}${report.to} ${told.says}`}>
          <a href={`/${report.service}`}>{report.service}</a> <span class="muted">·</span> {report.from && <>{report.from} <span class="muted">→</span> </>}{report.to} <Pill tone={told.tone} mark={told.mark}>{told.says}</Pill>
        </Title>
        <p class="muted">
          rollout {report.rollout} · started <Time at={report.started_at} /> by {report.by} · {report.ended_at ? `took ${span(took)}` : `for ${span(Math.floor(took / 1_000) * 1_000)}`}
          {live && <> · <code>{short(live.digest)}</code></>}
          {report.reason && <> · “{report.reason}”</>}
        </p>
      </div>
      <div class="acts" role="group" aria-label="Actions">
        {live && actions(live, report.service).map((one) => (
          <button key={one.verb} type="button" class={one.danger ? "danger" : ""} onClick={() => act(one)} aria-keyshortcuts={one.key}>
            {one.says}{one.key && <kbd aria-hidden="true">{one.key}</kbd>}
          </button>
        ))}
        <a class="button" href={`/${report.service}?compare=${report.rollout}`}>Compare</a>
        <a class="button" href={`${address}.md`} data-plain>Markdown</a>
      </div>
    </div>
  );
}

/** What can be done now has its keys. */
function useActions(live: Rollout | null, service: string) {
  const possible = live ? actions(live, service) : [];
  useEffect(() => {
    own.value = possible.filter((one) => one.key).map((one) => ({ keys: one.key!, says: one.says.toLowerCase(), act: () => act(one) }));
    return () => {
      own.value = [];
    };
  }, [possible.map((one) => one.verb).join(), live?.step, live?.id]);
}

function Why({ live, report }: { live: Rollout | null; report: Report }) {
  const back = live?.back ?? report.back;
  if (back) return <WhyBack live={live} report={report} because={back.because} person={back.by_person} />;
  if (live?.rejected) return <Card tone="bad" title="Why it was refused"><p class="lead">{live.rejected}</p></Card>;
  if (live?.active) return <WhyWaiting rollout={live} />;
  if (report.phase !== "succeeded") return null;
  return (
    <Card tone="good" title="Promoted">
      <p class="lead">{report.to} serves everyone{report.ended_at && <> since <Time at={report.ended_at} /></>}.</p>
      <Cost report={report} />
    </Card>
  );
}

function WhyWaiting({ rollout }: { rollout: Rollout }) {
  const waiting = rollout.waiting;
  if (!waiting) return null;
  return (
    <Card tone={rollout.paused ? "warn" : "busy"} title={rollout.paused ? "Paused" : "What it waits for"}>
      <p class="lead">{sentence(waiting.because)}</p>
      <p class="muted">Otherwise {waiting.then} <Until at={waiting.until} />.{rollout.paused?.reason && <> “{rollout.paused.reason}”</>}</p>
    </Card>
  );
}

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

function WhyBack({ live, report, because, person }: { live: Rollout | null; report: Report; because: string; person: boolean }) {
  const failed = report.routes.filter((route) => route.canary.failed > 0).sort((a, b) => b.canary.failed - a.canary.failed);
  const going = (live?.phase ?? report.phase) === "rolling-back";
  return (
    <Card tone="bad" title={going ? "Why it goes back" : person ? "Why it was taken back" : "Why it was rolled back"}>
      <p class="lead">{sentence(because)}</p>
      {report.deciding && <Deciding report={report} />}
      {failed.length > 0 && (
        <Table label="Failing routes" head={["Route", "First failure", `>${report.to}`, `>${report.from ?? "stable"}`, <span class="unseen" key="new">New</span>]}>
          {failed.slice(0, 5).map((route) => {
            const first = report.failures.find((failure) => failure.route === route.route);
            return (
              <tr key={route.route}>
                <th scope="row"><code>{route.route}</code></th>
                <td class="nowrap">{first ? <><Time at={first.at} /> · {first.status ?? first.kind} · {millis(first.took_ms)}{first.trace && <> · trace <code title={first.trace}>{first.trace.slice(0, 8)}…</code></>}</> : "–"}</td>
                <td class="number"><strong>{count(route.canary.failed)}</strong> / {count(route.canary.judged)}</td>
                <td class="number">{count(route.stable.failed)} / {count(route.stable.judged)}</td>
                <td class="nowrap">{route.stable.failed === 0 && <Pill tone="bad">new in {report.to}</Pill>}</td>
              </tr>
            );
          })}
        </Table>
      )}
      <Cost report={report} back={live?.traffic_back_ms ?? null} />
    </Card>
  );
}

function Deciding({ report }: { report: Report }) {
  const gate = report.deciding!;
  const both = gate.canary && gate.stable;
  if (!both) return null;
  const unit = (value: number) => inUnit(gate.gate, value);
  const ends = ({ low, high }: Band) => (unit(low) === unit(high) ? "" : `${unit(low)} … ${unit(high)}`);
  return (
    <p class="sides">
      <span class="canary"><b>{report.to}</b> {unit(gate.canary!.estimate)} <small>{ends(gate.canary!)}</small></span>
      <span class="stable"><b>{report.from ?? "stable"}</b> {unit(gate.stable!.estimate)} <small>{ends(gate.stable!)}</small></span>
      <span class="muted">limit {gate.limit}</span>
    </p>
  );
}

function Cost({ report, back = null }: { report: Report; back?: number | null }) {
  const { cost, budget_cost: budget } = report;
  const parts = [
    back !== null && `Traffic was back after ${millis(back)}.`,
    cost.canary_requests > 0 && `${count(cost.canary_requests)} requests went to ${report.to}, ${count(cost.failed)} failed${cost.shielded ? `, ${count(cost.shielded)} of them were answered by ${report.from} instead` : ""}.`,
    report.back && cost.all_at_once > cost.failed && `All at once, ≈ ${count(cost.all_at_once)} would have failed.`,
    budget && `It took ${percent(budget.share_ratio)} of the error budget.`,
    report.unknown.length > 0 && `Nothing is known of ${report.unknown.slice(0, 3).join(", ")}${report.unknown.length > 3 ? ` and ${report.unknown.length - 3} more` : ""}: the new version saw no request.`,
  ].filter(Boolean);
  return parts.length > 0 ? <p class="muted">{parts.join(" ")}</p> : null;
}

/** The steps as they were when it was admitted; all traffic is the last of them. */
function planned(entries: readonly Entry[]): number[] {
  const spec = (entries.find((entry) => entry.kind === "admitted")?.body as { spec?: Admitted } | undefined)?.spec;
  return spec?.kind === "canary" ? [...(spec.strategy?.steps ?? []).map((step) => step.weight / BASIS), 1] : [];
}

interface Admitted { kind?: string; strategy?: { steps?: { weight: number }[] } }
/** Weights are recorded in hundredths of a percent. */
const BASIS = 10_000;

/** From entering each step to the next event that left it. */
function stepTimes(entries: readonly Entry[], steps: number): (string | null)[] {
  const out: (string | null)[] = Array.from({ length: steps }, () => null);
  let open: [number, number] | null = null;
  for (const entry of entries) {
    if (!["step-entered", "promotion-started", "rollback-started", "succeeded"].includes(entry.kind)) continue;
    if (open) out[open[0]] = span(ms(entry.at) - open[1]);
    const step = (entry.body as { step?: number }).step;
    open = entry.kind === "step-entered" && step !== undefined ? [step, ms(entry.at)] : null;
  }
  if (open) out[open[0]] = span(Math.floor((now.value - open[1]) / 1_000) * 1_000);
  return out;
}

function marksOf(entries: readonly Entry[], report: Report): Mark[] {
  return entries.flatMap((entry): Mark[] => {
    const at = ms(entry.at) / 1_000;
    if (entry.kind === "step-entered") return [{ at, label: weightOf(entry.body) }];
    if (entry.kind === "promotion-started") return [{ at, label: "100 %" }];
    if (entry.kind === "rollback-started") return [{ at, label: report.back?.by_person ? "taken back" : "rollback", bad: true }];
    return [];
  });
}

function weightOf(body: unknown): string {
  const weight = (body as { weight?: number }).weight;
  return typeof weight === "number" ? percent(weight / BASIS) : "";
}

const ERRORS = /^(error|blast)/;
const LATENCY = /^latency/;

function Charts({ film, marks, report }: { film: Film | null; marks: Mark[]; report: Report }) {
  const data = useMemo(() => (film ? chartData(film, report) : null), [film, report.from, report.to]);
  if (!film) return <Card title="Error rate"><div class="canvas waiting" /></Card>;
  if (!data || film.points.length < 2) {
    return <Card title="Error rate"><Empty>{report.ended_at ? "There is no recording of this rollout (any more)." : "The first numbers come with the first requests."}</Empty></Card>;
  }
  const group = `rollout-${report.rollout}`;
  return (
    <>
      <Card title="Error rate">
        <Chart label="Error rate" says={data.errors.says} times={data.times} lines={data.errors.lines} marks={marks} format={percent} group={group} most={data.errors.most} />
      </Card>
      <Card title={data.latency.title}>
        <Chart label={data.latency.title} says={data.latency.says} times={data.times} lines={data.latency.lines} marks={marks} format={millis} group={group} most={data.latency.most} />
      </Card>
      <Card title="Requests a second">
        <Chart label="Requests a second" says={data.requests.says} times={data.times} lines={data.requests.lines} marks={marks} format={count} group={group} height={110} />
      </Card>
    </>
  );
}

const last = (values: (number | null)[]) => values.findLast((value) => value !== null) ?? null;
const most = (...all: (number | null)[][]) => Math.max(0, ...all.flat().map((value) => value ?? 0));

function chartData(film: Film, report: Report) {
  const { points, gates } = film;
  const times = points.map((point) => ms(point.at) / 1_000);
  const to = report.to;
  const from = report.from ?? "stable";
  const of = (gate: number, scale: number) => ({
    canary: points.map((point) => scaled(point.gates[gate]?.canary?.estimate, scale)),
    low: points.map((point) => scaled(point.gates[gate]?.canary?.low, scale)),
    high: points.map((point) => scaled(point.gates[gate]?.canary?.high, scale)),
    stable: points.map((point) => scaled(point.gates[gate]?.stable?.estimate, scale)),
    limit: points.map((point) => scaled(point.gates[gate]?.limit_value, scale)),
  });
  const lines = (of: { canary: (number | null)[]; low: (number | null)[]; high: (number | null)[]; stable: (number | null)[]; limit: (number | null)[] }): Line[] => [
    { label: to, colour: "--canary", values: of.canary, dashed: true, band: { low: of.low, high: of.high } },
    { label: from, colour: "--stable", values: of.stable },
    { label: "limit", colour: "--limit", values: of.limit, dashed: true },
  ];
  const plain = (canary: (number | null)[], stable: (number | null)[]): Line[] => [
    { label: to, colour: "--canary", values: canary, dashed: true },
    { label: from, colour: "--stable", values: stable },
  ];
  const share = (side: { requests: number; failed: number }) => (side.requests ? side.failed / side.requests : null);
  const error = gates.findIndex((gate) => ERRORS.test(gate));
  const slow = gates.findIndex((gate) => LATENCY.test(gate));
  const e = error < 0 ? null : of(error, 1);
  const l = slow < 0 ? null : of(slow, 1 / 1_000);
  const raw = { canary: points.map((p) => share(p.canary)), stable: points.map((p) => share(p.stable)) };
  const p95 = { canary: points.map((p) => p.canary.p95_ms), stable: points.map((p) => p.stable.p95_ms) };
  const title = l ? `Latency ${gates[slow]!.replace("latency-", "").replace(/ .*/, "")}` : "Latency p95";
  const says = (canary: (number | null)[], stable: (number | null)[], format: (v: number | null) => string) => `${to} ${format(last(canary))}, ${from} ${format(last(stable))}`;
  return {
    times,
    errors: e
      ? { lines: lines(e), says: `${says(e.canary, e.stable, percent)}, limit ${percent(last(e.limit))}`, most: Math.max(3 * (last(e.limit) ?? 0.01), 1.6 * most(e.canary, e.stable)) }
      : { lines: plain(raw.canary, raw.stable), says: says(raw.canary, raw.stable, percent), most: null },
    latency: l
      ? { title, lines: lines(l), says: `${says(l.canary, l.stable, millis)}, limit ${millis(last(l.limit))}`, most: Math.max(1.3 * most(l.limit.map((v) => v && Math.min(v, 8 * most(l.stable)))), 2.5 * most(l.stable)) }
      : { title, lines: plain(p95.canary, p95.stable), says: says(p95.canary, p95.stable, millis), most: 4 * most(p95.stable) },
    requests: {
      lines: [
        { label: from, colour: "--stable", values: rates(film, "stable"), area: true },
        { label: to, colour: "--canary", values: rates(film, "canary"), area: true },
      ] satisfies Line[],
      says: `${to} ${count(rates(film, "canary").at(-1) ?? 0)}, ${from} ${count(rates(film, "stable").at(-1) ?? 0)}`,
    },
  };
}

/** Requests a second, over the last whole second or what a point covers. */
function rates(film: Film, side: "stable" | "canary"): number[] {
  const covers = (at: number) => film.points[at]!.seconds ?? film.point_ms / 1_000;
  return film.points.map((_, end) => {
    let [requests, seconds] = [0, 0];
    for (let at = end; at >= 0 && seconds < 0.95; at--) {
      requests += film.points[at]![side].requests;
      seconds += covers(at);
    }
    return requests / seconds;
  });
}

const scaled = (value: number | null | undefined, scale: number) => (value === null || value === undefined ? null : value * scale);

function Routes({ report }: { report: Report }) {
  if (report.routes.length === 0) return null;
  const rows = [...report.routes].sort((a, b) => b.canary.failed - a.canary.failed || b.canary.judged - a.canary.judged).slice(0, 20);
  const rate = (one: { failed: number; judged: number }) => (one.judged ? percent(one.failed / one.judged) : "–");
  return (
    <Card title="Routes">
      <Table label="Routes" head={["Route", `>${report.to}`, ">failed", `>${report.from ?? "stable"}`, ">failed"]}>
        {rows.map((route) => (
          <tr key={route.route}>
            <th scope="row"><code>{route.route}</code></th>
            <td class="number">{count(route.canary.judged)}</td>
            <td class={`number ${route.canary.failed ? "bad-text" : ""}`}>{rate(route.canary)}</td>
            <td class="number">{count(route.stable.judged)}</td>
            <td class="number">{rate(route.stable)}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

function Changed({ report }: { report: Report }) {
  if (report.changed.length === 0 && report.infra.length === 0) return null;
  return (
    <Card title="Changed">
      <ul class="plain">{report.changed.map((line) => <li key={line}>{line}</li>)}</ul>
      {report.infra.map((run) => <p key={run.step}><Pill tone={run.ok ? "good" : "bad"}>{run.step}</Pill> {run.status} <span class="muted">{span(run.took_ms)}</span></p>)}
    </Card>
  );
}

function Vetted({ report }: { report: Report }) {
  const { confidence, lines } = report.vetting;
  if (!confidence && lines.length === 0) return null;
  return (
    <Card title="Before its first user" aside={confidence && <strong>{confidence.score} / 100</strong>}>
      {confidence
        ? <ul class="plain">{confidence.factors.map((one) => <li key={one.factor}><span>{one.factor} <small class="muted">{one.because}</small></span><span class="number">{Math.round(one.points)} of {one.most_points}</span></li>)}</ul>
        : <ul class="plain">{lines.map((line) => <li key={line}>{line}</li>)}</ul>}
    </Card>
  );
}
