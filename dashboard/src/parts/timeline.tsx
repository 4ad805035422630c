// What happened, newest first: as lines, in full, or as it was recorded.
import { signal } from "@preact/signals";
import type { Entry } from "../types";
import { Switch, Time } from "./ui";

type View = "compact" | "full" | "json";
const VIEWS = [["compact", "Compact"], ["full", "Full"], ["json", "JSON"]] as const;
const view = signal<View>("compact");

const MARKS: Record<string, [string, string]> = {
  "rollback-started": ["bad", "✕"], "rolled-back": ["bad", "↩"], rejected: ["bad", "✕"], "instance-exited": ["bad", "✕"],
  "step-passed": ["good", "✓"], succeeded: ["good", "✓"], "gate-changed": ["good", "✓"], "smoke-passed": ["good", "✓"],
  "step-entered": ["busy", "→"], "traffic-shifted": ["busy", "→"], "promotion-started": ["busy", "→"], "finding-raised": ["warn", "!"],
  "exposure-lapsed": ["warn", "!"], paused: ["warn", "‖"], resumed: ["busy", "▸"],
};

export function Mark({ kind }: { kind: string }) {
  const [tone, mark] = MARKS[kind] ?? ["calm", "·"];
  return <span class={`mark ${tone}`} aria-hidden="true">{mark}</span>;
}

export function Timeline({ entries }: { entries: readonly Entry[] }) {
  const shown = view.value === "compact" ? entries.filter((entry) => entry.line !== null) : entries;
  return (
    <>
      <Switch of={VIEWS} value={view.value} pick={(next) => (view.value = next)} label="Detail of the timeline" />
      <ol class={`timeline ${view.value}`} tabIndex={0} aria-label="Timeline, newest first">
        {[...shown].reverse().map((entry) => <Row key={entry.sequence} entry={entry} how={view.value} />)}
      </ol>
    </>
  );
}

function Row({ entry, how }: { entry: Entry; how: View }) {
  if (how === "json") return <li><pre tabIndex={0}>{JSON.stringify(entry, null, 2)}</pre></li>;
  return (
    <li>
      <Time at={entry.at} />
      <Mark kind={entry.kind} />
      <span>
        {entry.line ?? <span class="muted">{entry.kind}</span>}
        {how === "full" && <small class="muted block">#{entry.sequence} {entry.kind} by {entry.actor} · {entry.hash.slice(0, 12)}</small>}
      </span>
    </li>
  );
}
