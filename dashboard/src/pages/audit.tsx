// The journal: who did what, and whether it is whole.
import { useEffect, useMemo, useState } from "preact/hooks";
import { count } from "../format";
import { onEntry } from "../live";
import { Refused, get, snapshot } from "../net";
import { Mark } from "../parts/timeline";
import { Card, Empty, Pill, Time, Title, Trouble } from "../parts/ui";
import type { Entries, Entry, Meta, Problem } from "../types";

const PAGE = 200;
interface Verified { intact: boolean; entries: number; fault: { sequence: number; what: string } | null }

export function AuditPage() {
  const { entries, older, more, problem } = useJournal();
  const [filter, setFilter] = useState("");
  const [people, setPeople] = useState(false);
  const shown = useMemo(() => entries.filter(matching(filter, people)).reverse(), [entries, filter, people]);
  return (
    <>
      <div class="headline">
        <div><Title text="Audit" /><p class="muted">everything that was decided and done, chained by hashes, newest first</p></div>
        <label class="find"><span class="unseen">Filter entries</span><input type="search" data-find placeholder="Filter  /" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} /></label>
      </div>
      <Card title="Chain" aside={<a class="button" href="/api/v1/audit/export" download="staunch-audit.jsonl" data-plain>Export</a>}><Chain /></Card>
      <Card title="Entries" aside={<label class="check"><input type="checkbox" checked={people} onChange={(event) => setPeople(event.currentTarget.checked)} /> people only</label>}>
        {problem && <Trouble problem={problem} />}
        {shown.length === 0 && <Empty>{entries.length === 0 ? "Nothing is recorded yet." : "Nothing matches among the entries that are loaded."}</Empty>}
        <ol class="timeline audit" aria-label="Entries, newest first">
          {shown.map((entry) => <Row key={entry.sequence} entry={entry} />)}
        </ol>
        {older && <p><button type="button" onClick={more}>Older entries</button></p>}
      </Card>
    </>
  );
}

const matching = (filter: string, people: boolean) => {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return (entry: Entry) => {
    if (people && entry.actor_kind !== "person") return false;
    const text = `${entry.sequence} ${entry.service} ${entry.actor} ${entry.kind} ${entry.line ?? ""} rollout ${entry.rollout ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
};

function useJournal() {
  const [entries, setEntries] = useState<Entry[]>([]);
  const [problem, setProblem] = useState<Problem | null>(null);
  const first = entries[0]?.sequence ?? (snapshot<Meta>("/api/v1/meta")?.journal_sequence ?? 0) + 1;
  const more = () => {
    const after = Math.max(0, first - 1 - PAGE);
    get<Entries>(`/api/v1/events.json?after=${after}&limit=${first - 1 - after}`).then(
      (page) => setEntries((all) => [...page.entries.filter((entry) => entry.sequence < (all[0]?.sequence ?? Infinity)), ...all]),
      (error) => setProblem(error instanceof Refused ? error.problem : null),
    );
  };
  useEffect(() => {
    void get<Meta>("/api/v1/meta").then((meta) => {
      const after = Math.max(0, meta.journal_sequence - PAGE);
      return get<Entries>(`/api/v1/events.json?after=${after}&limit=${PAGE}`);
    }).then(
      (page) => setEntries((all) => [...page.entries, ...all.filter((entry) => entry.sequence > (page.entries.at(-1)?.sequence ?? 0))]),
      (error) => setProblem(error instanceof Refused ? error.problem : null),
    );
    return onEntry((entry) => setEntries((all) => [...all, entry]));
  }, []);
  return { entries, older: entries.length > 0 && first > 1, more, problem };
}

function Row({ entry }: { entry: Entry }) {
  const where = entry.rollout ? `/${entry.service}/${entry.rollout}` : `/${entry.service}`;
  return (
    <li>
      <Time at={entry.at} />
      <Mark kind={entry.kind} />
      <details>
        <summary data-row>{entry.line ?? entry.kind} <small class="muted">{entry.service}{entry.rollout && ` ${entry.rollout}`} · {entry.actor}</small></summary>
        <p class="muted small">#{entry.sequence} · <a href={where}>{where}</a> · {entry.kind} · hash <code>{entry.hash.slice(0, 16)}…</code>{entry.masked && " · values of environment variables are masked"}</p>
        <pre tabIndex={0}>{JSON.stringify(entry.body, null, 2)}</pre>
      </details>
    </li>
  );
}

function Chain() {
  const [state, setState] = useState<Verified | null>(null);
  const [busy, setBusy] = useState(true);
  const [problem, setProblem] = useState<Problem | null>(null);
  const verify = () => {
    setBusy(true);
    get<Verified>("/api/v1/audit/verify")
      .then(setState, (error) => setProblem(error instanceof Refused ? error.problem : null))
      .finally(() => setBusy(false));
  };
  useEffect(verify, []);
  return (
    <p class="chain">
      {problem ? <Trouble problem={problem} /> : !state ? <span class="muted loading">walking the chain …</span>
        : state.intact ? <><Pill tone="good">intact</Pill> all {count(state.entries)} entries are what was written</>
        : <><Pill tone="bad">damaged</Pill> at entry {state.fault?.sequence}: {state.fault?.what}</>}
      <button type="button" disabled={busy} onClick={verify}>Verify</button>
    </p>
  );
}
