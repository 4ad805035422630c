// What happened, newest first: as lines, in full, or as it was recorded. Of a long history, as much as one scrolls to.
import { signal } from "@preact/signals";
import { Component } from "preact";
import { useMemo, useState } from "preact/hooks";
import { count } from "../format";
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

/** Entries of a piece. Pieces are counted from the oldest entry: only the newest one changes when something happens. */
const PIECE = 50;
/** Pieces that are there at first, and how near to the end of what is there one scrolls before another one is. */
const FIRST = 2;
const NEAR_PX = 600;

export function Timeline({ entries }: { entries: readonly Entry[] }) {
  const [most, setMost] = useState(FIRST);
  const how = view.value;
  const shown = useMemo(() => (how === "compact" ? entries.filter((entry) => entry.line !== null) : entries), [entries, how]);
  const pieces = Math.ceil(shown.length / PIECE);
  const newest = Array.from({ length: Math.min(most, pieces) }, (_, at) => pieces - 1 - at);
  const older = shown.length - newest.reduce((sum, at) => sum + shown.slice(at * PIECE, (at + 1) * PIECE).length, 0);
  const more = () => setMost(newest.length + 1);
  // All that was scrolled to, drawn anew at once, would hold the page up.
  const pick = (next: View) => {
    view.value = next;
    setMost(FIRST);
  };
  const near = (list: HTMLElement) => list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_PX;
  return (
    <>
      <Switch of={VIEWS} value={how} pick={pick} label="Detail of the timeline" />
      <ol class={`timeline ${how}`} tabIndex={0} aria-label="Timeline, newest first" onScroll={({ currentTarget }) => older > 0 && near(currentTarget) && more()}>
        {newest.map((at) => <Piece key={`${how} ${at}`} entries={shown.slice(at * PIECE, (at + 1) * PIECE)} how={how} />)}
        {older > 0 && <li class="older"><button type="button" onClick={more}>{count(older)} older</button></li>}
      </ol>
    </>
  );
}

interface PieceOf { entries: readonly Entry[]; how: View }

/** Some thousand rows are not gone through for each new one: entries never change, and come at the end alone. */
class Piece extends Component<PieceOf> {
  override shouldComponentUpdate({ entries }: PieceOf) {
    return entries.length !== this.props.entries.length || entries[0]?.sequence !== this.props.entries[0]?.sequence;
  }
  override render({ entries, how }: PieceOf) {
    return [...entries].reverse().map((entry) => <Row key={entry.sequence} entry={entry} how={how} />);
  }
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
