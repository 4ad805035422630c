// The last lines that instances wrote: those that run now, or as they were left.
import { useEffect, useState } from "preact/hooks";
import { down, services } from "../live";
import { Refused, get } from "../net";
import type { Report, Rollout } from "../types";
import { Empty, Switch } from "./ui";

interface Logs { logs: { instance: string; revision: string; lines: string[] }[] }
const EVERY = 2_000;
const LINES = 200;
type Side = "canary" | "stable";

export function Logs({ service, live, report }: { service: string; live: Rollout | null; report: Report | null }) {
  const [side, setSide] = useState<Side>("canary");
  const kept = report?.instances.filter((one) => one.log.length > 0) ?? [];
  // By digest: whoever is the canary while this is asked for, it is this version's lines that are wanted.
  const stable = services.value.get(service)?.stable_digest ?? null;
  const running = useLogs(service, live && side === "canary" ? live.digest : !live && kept.length > 0 && side === "canary" ? null : stable);
  const canary = !live && side === "canary" && kept.length > 0;
  const shown = canary ? kept.map((one) => ({ instance: one.instance, lines: one.log })) : running;
  return (
    <>
      <Switch of={[["canary", "New version"], ["stable", "Stable"]] as const} value={side} pick={setSide} label="Whose log" />
      {shown.length === 0 && <Empty>No line was written{live ? " yet" : ""}.</Empty>}
      {shown.map((log) => (
        <figure class="log" key={log.instance}>
          <figcaption>{log.instance}</figcaption>
          <pre tabIndex={0} aria-label={`Log of ${log.instance}`}>{log.lines.length ? log.lines.join("\n") : "(nothing written)"}</pre>
        </figure>
      ))}
    </>
  );
}

function useLogs(service: string, digest: string | null) {
  const [logs, setLogs] = useState<Logs["logs"]>([]);
  useEffect(() => {
    setLogs([]);
    if (!digest) return;
    let gone = false;
    const load = async () => {
      if (document.hidden || down.value) return;
      try {
        const got = await get<Logs>(`/api/v1/services/${service}/logs?lines=${LINES}&revision=${digest}`);
        if (!gone) setLogs(got.logs);
      } catch (error) {
        // Instances come and go; what is there no more has no lines.
        if (!gone && error instanceof Refused && error.problem.status === 404) setLogs([]);
      }
    };
    void load();
    const timer = setInterval(load, EVERY);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [service, digest]);
  return logs;
}
