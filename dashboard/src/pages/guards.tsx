// What watches beside the gates, and what holds changes: triggers and freezes of all services.
import { services } from "../live";
import { act, freeze } from "../parts/acts";
import { Level } from "../parts/budget";
import { Triggers } from "../parts/triggers";
import { Ago, Card, Empty, Pill, Time, Title } from "../parts/ui";
import type { Service } from "../types";

export function GuardsPage() {
  const all = [...services.value.values()].sort((a, b) => a.name.localeCompare(b.name));
  return (
    <>
      <div class="headline"><div><Title text="Guards" /><p class="muted">triggers that take a version back, and freezes that hold changes</p></div></div>
      {all.length === 0 && <Card><Empty>No service yet.</Empty></Card>}
      {all.map((service) => <One key={service.name} service={service} />)}
    </>
  );
}

function One({ service }: { service: Service }) {
  const { frozen, budget, rollout } = service;
  const armed = rollout?.active ? rollout.triggers : [];
  return (
    <Card title={<a data-row href={`/${service.name}`}>{service.name}</a>} aside={<button type="button" onClick={() => act(freeze(service))}>{frozen ? "Unfreeze" : "Freeze"}</button>}>
      <p>
        {frozen
          ? <><Pill tone="warn" mark="❄">frozen</Pill> by {frozen.by} <Ago at={frozen.since} />{frozen.until ? <> until <Time at={frozen.until} /></> : " until somebody unfreezes it"}{frozen.reason && <>: “{frozen.reason}”</>}</>
          : <><Pill tone="good">open</Pill> changes may begin</>}
        {budget && <> · error budget <Level budget={budget} /></>}
      </p>
      {armed.length > 0 ? <Triggers triggers={armed} of={service.name} /> : <Empty>{rollout?.active ? "No trigger is armed." : "Triggers are armed while a rollout runs."}</Empty>}
    </Card>
  );
}
