// What is armed beside the gates, and how it stands.
import type { Trigger } from "../types";
import { Pill, Table, Time, type Tone } from "./ui";

const STATES: Record<string, Tone> = { armed: "good", suspected: "warn", fired: "bad", cooling: "calm" };

export function Triggers({ triggers, of }: { triggers: readonly Trigger[]; of: string }) {
  return (
    <Table label={`Triggers of ${of}`} head={["Trigger", "Fires", "Then", "State"]}>
      {triggers.map((one) => (
        <tr key={`${one.trigger} ${one.limit} ${one.grade}`}>
          <th scope="row">{one.trigger}<small class="muted block">{one.figure}</small></th>
          <td>{one.limit}</td>
          <td>{one.grade}</td>
          <td>
            <Pill tone={STATES[one.state] ?? "calm"}>{one.state}</Pill>
            {one.suspected_since && <small class="muted block">since <Time at={one.suspected_since} /></small>}
          </td>
        </tr>
      ))}
    </Table>
  );
}
