// What waits for others to agree.
import { useState } from "preact/hooks";
import { services } from "../live";
import { Refused, post } from "../net";
import { act, vote } from "../parts/acts";
import { PlanShown } from "../parts/plan";
import { Ago, Card, Empty, Pill, Title, Trouble, Until } from "../parts/ui";
import type { Approval, Plan, Problem } from "../types";

export function ApprovalsPage() {
  const asking = [...services.value.values()].flatMap((service) => (service.approval ? [[service.name, service.approval] as const] : []));
  return (
    <>
      <div class="headline"><div><Title text="Approvals" /><p class="muted">what was asked for and waits for others to agree</p></div></div>
      {asking.length === 0 && <Card><Empty>Nothing waits for anyone.</Empty></Card>}
      {asking.map(([service, approval]) => <Asked key={service} service={service} approval={approval} />)}
    </>
  );
}

function Asked({ service, approval }: { service: string; approval: Approval }) {
  const state = approval.granted ? <Pill tone="good">granted</Pill> : approval.rejected_by ? <Pill tone="bad">rejected by {approval.rejected_by}</Pill> : <Pill tone="warn">{approval.approved_by.length} of {approval.needs}</Pill>;
  return (
    <Card title={<><a data-row href={`/${service}`}>{service}</a> {approval.to} {state}</>} tone={approval.granted ? "good" : "warn"}>
      <p class="lead">{approval.by} asks for it{approval.reason && <>: “{approval.reason}”</>}</p>
      <p class="muted">
        <Ago at={approval.since} /> · needs {approval.needs} {approval.from.length ? `of ${approval.from.join(", ")}` : `other ${approval.needs === 1 ? "person" : "people"}`}
        {approval.approved_by.length > 0 && <> · agreed: {approval.approved_by.join(", ")}</>} · otherwise {approval.then} <Until at={approval.until} />
      </p>
      <What service={service} />
      {!approval.granted && (
        <p class="acts">
          <button type="button" class="primary" onClick={() => act(vote(service, approval, true))}>Approve</button>
          <button type="button" class="danger" onClick={() => act(vote(service, approval, false))}>Reject</button>
        </p>
      )}
    </Card>
  );
}

/** Planning keeps a copy of the content, so it is done when somebody asks. */
function What({ service }: { service: string }) {
  const [plan, setPlan] = useState<Plan | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const look = () => post<Plan>(`/api/v1/services/${service}/plan`, {}).then(setPlan, (error) => setProblem(error instanceof Refused ? error.problem : null));
  if (plan) return <PlanShown plan={plan} />;
  return problem ? <Trouble problem={problem} /> : <p><button type="button" onClick={look}>What would it do?</button></p>;
}
