// What is in force: each value, where it came from, and what the file says otherwise by now.
import { useEffect, useState } from "preact/hooks";
import { onEntry } from "../live";
import { useResource } from "../net";
import type { ServiceConfig, Setting } from "../types";
import { useRefresh } from "./refresh";
import { Ago, Card, Empty, Loading, Pill, Switch, Table, Trouble } from "./ui";

const given = (one: Setting) => one.origin === "file" || one.origin === "environment";
const VIEWS = [["given", "given"], ["all", "all"]] as const;
/** What runs is another one after these. */
const BRINGS = ["admitted", "succeeded", "rolled-back", "shadowed"];

export function Config({ service }: { service: string }) {
  const told = useResource<ServiceConfig>(`/api/v1/services/${service}/config`);
  const [view, setView] = useState<"given" | "all">("given");
  const [wanted, setWanted] = useState("");
  useEffect(() => onEntry((entry) => entry.service === service && BRINGS.includes(entry.kind) && void told.refresh()), [service]);
  // The file says nothing when it is saved.
  useRefresh(told.refresh);
  const config = told.data.value;
  if (!config) return <Card title="Configuration">{told.problem.value ? <Trouble problem={told.problem.value} /> : <Loading />}</Card>;
  const words = wanted.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (one: Setting) => words.every((word) => `${one.key} ${one.value ?? ""} ${one.in_file ?? ""} ${one.about}`.toLowerCase().includes(word));
  const all = config.settings.filter(fits);
  const shown = all.filter((one) => view === "all" || given(one) || one.changed);
  const hidden = all.length - shown.length;
  return (
    <Card title="Configuration" id="configuration" aside={<Since config={config} />}>
      <Drift config={config} />
      <div class="filter">
        <label class="find"><span class="unseen">Search settings</span><input type="search" data-find placeholder="Search  /" value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} /></label>
        <Switch label="Which settings" of={VIEWS} value={view} pick={setView} />
      </div>
      {shown.length === 0
        ? <Empty>{words.length > 0 ? `Nothing that ${view === "all" ? "there is" : "the file gives"} matches “${wanted.trim()}”.` : "Everything is as it is by default."}</Empty>
        : (
          <Table label={`Configuration of ${service}`} head={["Key", "Value", "From"]}>
            {shown.map((one) => <Row key={one.key} one={one} explained={words.length > 0} />)}
          </Table>
        )}
      {hidden > 0 && <p class="muted small">{words.length > 0 ? `${hidden} more match that nobody gives: ` : `${hidden} more are as they are by default: `}<button type="button" class="quiet" onClick={() => setView("all")}>show all</button></p>}
    </Card>
  );
}

function Since({ config }: { config: ServiceConfig }) {
  if (config.rollout === null || !config.since) return <span class="muted">as control read it when it started</span>;
  return <span class="muted">since <a href={`/${config.service}/${config.rollout}`}>rollout {config.rollout}</a>, <Ago at={config.since} /></span>;
}

/** What is in force is not what the file says: at three in the morning that is the first thing to know. */
function Drift({ config }: { config: ServiceConfig }) {
  if (config.file_trouble) return <p class="finding"><Pill tone="bad">the file cannot be read now</Pill> {config.file_trouble}</p>;
  if (config.changed === 0) return null;
  return <p class="finding"><Pill tone="warn">changed since</Pill> <code>{file(config.file)}</code> says {config.changed === 1 ? "1 value" : `${config.changed} values`} otherwise by now. A deploy brings {config.changed === 1 ? "it" : "them"}.</p>;
}

const file = (path: string) => path.split("/").at(-1);

function Row({ one, explained }: { one: Setting; explained: boolean }) {
  return (
    <tr class={one.changed ? "differs" : ""}>
      <th scope="row" title={one.about}><code>{one.key}</code>{explained && one.about && <small class="block">{one.about}</small>}</th>
      <td class="value">
        {one.value === null ? <span class="muted">–</span> : <code class={given(one) ? "" : "muted"}>{one.value}</code>}
        {one.changed && <small class="block">the file: {one.in_file === null ? "no more in it" : <code>{one.in_file}</code>}{one.in_file_line !== null && ` · line ${one.in_file_line}`}</small>}
      </td>
      <td>
        <From one={one} />
        {given(one) && one.default !== null && one.default !== one.value && <small class="block">default <code>{one.default}</code></small>}
      </td>
    </tr>
  );
}

function From({ one }: { one: Setting }) {
  switch (one.origin) {
    case "file": return <>line {one.line}</>;
    case "environment": return <>{one.environment} · line {one.line}</>;
    case "default": return <span class="muted">default</span>;
    default: return <span class="muted">not given</span>;
  }
}
