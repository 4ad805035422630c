// Rollouts that were, newest first.
import { useEffect } from "preact/hooks";
import { count, ms, percent, span } from "../format";
import { onEntry } from "../live";
import { useResource } from "../net";
import { rowState } from "../state";
import type { RolloutRow } from "../types";
import { Empty, Loading, Pill, Table, Time, Trouble } from "./ui";

const LIMIT = 50;
/** Only these change a row. */
const CHANGES = new Set(["admitted", "step-entered", "promotion-started", "bake-started", "succeeded", "rollback-started", "rolled-back", "rejected"]);

export function useRollouts(service?: string) {
  const list = useResource<{ rollouts: RolloutRow[] }>(`/api/v1/rollouts?${service ? `service=${service}&` : ""}limit=${LIMIT}`);
  useEffect(() => onEntry((entry) => {
    if (CHANGES.has(entry.kind) && (!service || entry.service === service)) void list.refresh();
  }), [service]);
  return list;
}

interface Choice { chosen: readonly number[]; choose: (id: number) => void }

export function RolloutList({ service, choice }: { service?: string; choice?: Choice }) {
  const list = useRollouts(service);
  const rows = list.data.value?.rollouts;
  if (!rows) return list.problem.value ? <Trouble problem={list.problem.value} /> : <Loading />;
  if (rows.length === 0) return <Empty>No rollout yet. <code>staunch deploy</code> starts one.</Empty>;
  const head = [...(choice ? [<span class="unseen" key="c">Compare</span>] : []), "Rollout", ...(service ? [] : ["Service"]), "Version", "State", "Started", ">Took", "What came of it"];
  return (
    <Table label="Rollouts, newest first" head={head}>
      {rows.map((row) => <Row key={row.id} row={row} named={!service} choice={choice} />)}
    </Table>
  );
}

function Row({ row, named, choice }: { row: RolloutRow; named: boolean; choice?: Choice | undefined }) {
  const told = rowState(row);
  return (
    <tr>
      {choice && <td><input type="checkbox" aria-label={`Compare rollout ${row.id}`} checked={choice.chosen.includes(row.id)} onChange={() => choice.choose(row.id)} /></td>}
      <th scope="row"><a data-row href={`/${row.service}/${row.id}`}>{row.id}</a></th>
      {named && <td><a href={`/${row.service}`}>{row.service}</a></td>}
      <td class="nowrap">{row.from ? `${row.from} → ` : ""}{row.to}</td>
      <td><Pill tone={told.tone} mark={told.mark}>{told.says}</Pill></td>
      <td class="nowrap"><Time at={row.started_at} /></td>
      <td class="number nowrap">{row.ended_at ? span(ms(row.ended_at) - ms(row.started_at)) : ""}</td>
      <td class="wide">{row.outcome ?? ""}{row.spent_requests ? <small class="muted block">{count(row.spent_requests)} requests = {percent(row.spent_ratio)} of the budget</small> : null}</td>
    </tr>
  );
}
