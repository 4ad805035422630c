// Error budgets: what is left, where it freezes, how fast it burns, and what took it.
import { useEffect } from "preact/hooks";
import { count, percent } from "../format";
import { onEntry, services } from "../live";
import { useResource } from "../net";
import { Burn, Gauge, Level, Objectives } from "../parts/budget";
import { BurnDown } from "../parts/burndown";
import { useRefresh } from "../parts/refresh";
import { Card, Empty, Table, Time, Title } from "../parts/ui";
import type { Budget, Service, ServiceBudget } from "../types";

export function BudgetsPage() {
  const all = [...services.value.values()];
  const having = all.filter((service): service is Service & { budget: Budget } => service.budget !== null).sort((a, b) => a.budget.left_ratio - b.budget.left_ratio);
  const without = all.filter((service) => !service.budget);
  return (
    <>
      <div class="headline"><div><Title text="Budgets" /><p class="muted">how many failures each service may still have, the least left first</p></div></div>
      {having.map((service) => <One key={service.name} name={service.name} budget={service.budget} />)}
      {having.length === 0 && <Card><Empty>No service has an objective. <code>[slo] target = "99.9%"</code> in its table gives it one.</Empty></Card>}
      {having.length > 0 && without.length > 0 && <p class="muted">Without an objective: {without.map((service) => service.name).join(", ")}.</p>}
    </>
  );
}

function One({ name, budget }: { name: string; budget: Budget }) {
  const told = useResource<ServiceBudget>(`/api/v1/services/${name}/budget`);
  useEffect(() => onEntry((entry) => {
    if (entry.service === name && ["succeeded", "rolled-back"].includes(entry.kind)) void told.refresh();
  }), [name]);
  useRefresh(told.refresh);
  const rollouts = (told.data.value?.rollouts ?? []).filter((row) => row.spent_requests !== null);
  return (
    <Card title={<><a data-row href={`/${name}`}>{name}</a></>} aside={<Level budget={budget} />}>
      <div class="columns even">
        <Gauge budget={budget} />
        {told.data.value && <BurnDown budget={budget} told={told.data.value} name={name} />}
      </div>
      <Objectives budget={budget} service={name} />
      <Burn budget={budget} service={name} />
      {rollouts.length > 0 && (
        <Table label={`What rollouts of ${name} took`} head={["Rollout", "Version", "Ended", ">Bad requests", ">Of the budget"]}>
          {rollouts.map((row) => (
            <tr key={row.id}>
              <th scope="row"><a href={`/${name}/${row.id}`}>{row.id}</a></th>
              <td>{row.to}</td>
              <td class="nowrap">{row.ended_at && <Time at={row.ended_at} />}</td>
              <td class="number">{count(row.spent_requests!)}</td>
              <td class="number">{percent(row.spent_ratio)}</td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}
