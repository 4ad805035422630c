// All services, the one that needs a person first.
import { useState } from "preact/hooks";
import { latency, percent, rate } from "../format";
import { services } from "../live";
import { RolloutList } from "../parts/history";
import { Spark } from "../parts/spark";
import { TrafficBar } from "../parts/traffic";
import { Card, Empty, Pill, Title } from "../parts/ui";
import { concern, health, rolloutState, worry } from "../state";
import type { Service } from "../types";

export function ServicesPage() {
  const [filter, setFilter] = useState("");
  const all = [...services.value.values()];
  const wanted = filter.trim().toLowerCase();
  const matches = (service: Service) => !wanted || `${service.name} ${service.stable} ${service.health} ${service.rollout?.phase}`.toLowerCase().includes(wanted);
  const shown = all.filter(matches).sort((a, b) => worry(b) - worry(a) || a.name.localeCompare(b.name));
  const bad = all.filter((service) => worry(service) >= 3).length;
  return (
    <>
      <div class="headline">
        <div>
          <Title text="Services" />
          <p class="muted">{all.length === 0 ? "none yet" : bad === 0 ? `${all.length === 1 ? "1 service" : `all ${all.length}`} well` : `${bad} of ${all.length} need a look`}</p>
        </div>
        <label class="find"><span class="unseen">Filter services</span><input type="search" data-find placeholder="Filter  /" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} /></label>
      </div>
      {all.length === 0 && <Card><Empty>No service runs here yet. <code>staunch init</code> in the folder of your app writes its file.</Empty></Card>}
      {all.length > 0 && shown.length === 0 && <Card><Empty>No service matches “{filter}”.</Empty></Card>}
      <ul class="services" aria-label="Services, worst first">
        {shown.map((service) => <Row key={service.name} service={service} />)}
      </ul>
      <Card title="Rollouts"><RolloutList /></Card>
    </>
  );
}

function Row({ service }: { service: Service }) {
  const told = health(service);
  const trouble = concern(service);
  const rollout = service.rollout;
  const state = rollout && rolloutState(rollout);
  return (
    <li class="card service">
      <div class="who">
        <a class="name" data-row href={`/${service.name}`}>{service.name}</a>
        <Pill tone={told.tone}>{told.says}</Pill>
        <span class="muted">{service.stable ?? "no version"}</span>
      </div>
      {service.worker ? <p class="muted">a worker, {service.ready} of {service.replicas} ready</p> : <dl class="figures">
        <div><dt>requests/s</dt><dd>{rate(service.stable_traffic.requests_per_second + service.canary_traffic.requests_per_second)}</dd></div>
        <div><dt>errors</dt><dd>{percent(service.stable_traffic.error_ratio)}</dd></div>
        <div><dt>p95</dt><dd>{latency(service.stable_traffic)}</dd></div>
        {service.budget && <div><dt>budget left</dt><dd>{percent(service.budget.left_ratio)}</dd></div>}
      </dl>}
      <Spark series={service.series} />
      <div class="rollout">
        {rollout && state
          ? <><a href={`/${service.name}/${rollout.id}`}>{rollout.from ? `${rollout.from} → ` : ""}{rollout.to}</a> <Pill tone={state.tone} mark={state.mark}>{state.says}</Pill></>
          : <span class="muted">no rollout yet</span>}
        {rollout?.active && <TrafficBar from={rollout.from} to={rollout.to} ratio={service.canary_weight_ratio} />}
        {rollout?.waiting && <small class="muted block">{rollout.waiting.because}</small>}
        {trouble && <p class="concern"><Pill tone={trouble.tone} mark={trouble.mark}>{trouble.says}</Pill></p>}
      </div>
    </li>
  );
}
