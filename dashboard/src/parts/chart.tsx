// A chart over time: lines, a band, a limit, markers, one cursor with its siblings, and its numbers as a table.
import { signal } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { moment } from "../format";
import { nearest, niceTicks, timeLabel, timeTicks } from "./scale";
import { Table } from "./ui";

type Values = readonly (number | null)[];

export interface Line {
  label: string;
  /** Name of the colour: `--stable`, `--canary`, `--limit`. */
  colour: string;
  values: Values;
  dashed?: boolean;
  /** Ends of a band around it. */
  band?: { low: Values; high: Values };
  /** Filled down to the axis. */
  area?: boolean;
}
export interface Mark { at: number; label: string; bad?: boolean }

interface Props {
  label: string;
  /** The latest numbers, for those who do not see it. */
  says: string;
  /** Seconds, ascending. */
  times: readonly number[];
  lines: readonly Line[];
  marks?: readonly Mark[];
  format: (value: number) => string;
  height?: number;
  /** Charts of the same group share a cursor. */
  group?: string;
  /** What the axis reaches at most, so that a wide band does not flatten the lines. */
  most?: number | null;
  range?: [number, number];
}

const LEFT = 56;
const RIGHT = 8;
const TOP = 16;
const BOTTOM = 22;

/** Where the pointer is, in seconds, for all charts of a group. */
const cursor = signal<{ group: string; at: number } | null>(null);

interface Space { width: number; height: number; x: (time: number) => number; y: (value: number) => number; low: number; high: number; from: number; to: number }

function domain({ lines, most, range }: Props): [number, number] {
  if (range) return range;
  const all = lines.flatMap((line) => [line.values, line.band?.high ?? []]).flat();
  const high = all.reduce<number>((high, value) => Math.max(high, value ?? 0), 0);
  return [0, Math.max(Math.min(high, most || Infinity), 1e-6) * 1.08];
}

function spaceOf(props: Props, width: number): Space {
  const height = props.height ?? 180;
  const from = props.times[0] ?? 0;
  const to = Math.max(props.times.at(-1) ?? 1, from + 1);
  const [low, high] = domain(props);
  const inner = { width: Math.max(10, width - LEFT - RIGHT), height: height - TOP - BOTTOM };
  return {
    width, height, low, high, from, to,
    x: (time) => ((time - from) / (to - from)) * inner.width,
    y: (value) => inner.height - ((value - low) / (high - low)) * inner.height,
  };
}

const f = (value: number) => value.toFixed(1);

/** Stretches without a missing value. */
function runs(times: readonly number[], ...all: Values[]): [number, number][] {
  const out: [number, number][] = [];
  let begun = -1;
  for (let at = 0; at <= times.length; at++) {
    const there = at < times.length && all.every((values) => values[at] !== null && values[at] !== undefined);
    if (there && begun < 0) begun = at;
    if (!there && begun >= 0) {
      out.push([begun, at]);
      begun = -1;
    }
  }
  return out;
}

function path(space: Space, times: readonly number[], values: Values, [from, to]: [number, number], back = false): string {
  const points = Array.from({ length: to - from }, (_, n) => (back ? to - 1 - n : from + n));
  return points.map((at) => `${f(space.x(times[at]!))} ${f(space.y(values[at]!))}`).join("L");
}

function Drawn({ space, times, line }: { space: Space; times: readonly number[]; line: Line }) {
  const { band } = line;
  const stroke = `var(${line.colour})`;
  const ground = f(space.y(space.low));
  return (
    <g style={{ color: stroke }}>
      {band && runs(times, band.low, band.high).map((run) => (
        <path key={run[0]} class="band" d={`M${path(space, times, band.high, run)}L${path(space, times, band.low, run, true)}Z`} />
      ))}
      {line.area && runs(times, line.values).map((run) => (
        <path key={run[0]} class="area" d={`M${f(space.x(times[run[0]]!))} ${ground}L${path(space, times, line.values, run)}L${f(space.x(times[run[1] - 1]!))} ${ground}Z`} />
      ))}
      <path class={`line ${line.dashed ? "dashed" : ""}`} d={runs(times, line.values).map((run) => `M${path(space, times, line.values, run)}`).join("")} />
    </g>
  );
}

function Axes({ space, format }: { space: Space; format: (value: number) => string }) {
  const inner = space.width - LEFT - RIGHT;
  const { at, step } = timeTicks(space.from, space.to, Math.max(2, inner / 90));
  return (
    <g class="axes">
      {niceTicks(space.low, space.high, space.height > 150 ? 4 : 2).map((tick) => (
        <g key={tick} transform={`translate(${LEFT} ${f(TOP + space.y(tick))})`}>
          <line x2={inner} /><text x="-8" dy=".32em" text-anchor="end">{format(tick)}</text>
        </g>
      ))}
      {at.filter((tick) => space.x(tick) > 18 && space.x(tick) < inner - 18).map((tick) => (
        <text key={tick} x={f(LEFT + space.x(tick))} y={space.height - 6} text-anchor="middle">{timeLabel(tick, step)}</text>
      ))}
    </g>
  );
}

const WIDE = 6.2;

/** A label that would cover another is left out; its line is there. What went wrong is always named. */
function Marks({ space, marks }: { space: Space; marks: readonly Mark[] }) {
  const inner = space.width - LEFT - RIGHT;
  let free = Infinity;
  const placed = [...marks].reverse().filter((mark) => mark.at >= space.from - 1 && mark.at <= space.to + 1).map((mark) => {
    const x = Math.min(Math.max(space.x(mark.at), 0), inner);
    const wide = mark.label.length * WIDE;
    const left = Math.min(x + 3, inner - wide);
    const named = left + wide < free;
    if (named) free = left - 4;
    return { mark, x, left, named };
  });
  return (
    <g class="marks" transform={`translate(${LEFT} 0)`}>
      {placed.map(({ mark, x, left, named }, at) => (
        <g key={at} class={mark.bad ? "bad" : ""}>
          <line x1={f(x)} x2={f(x)} y1={TOP - 4} y2={space.height - BOTTOM} />
          {named && <text x={f(left)} y={TOP - 5}>{mark.label}</text>}
        </g>
      ))}
    </g>
  );
}

function Cursor({ space, props, at }: { space: Space; props: Props; at: number }) {
  const x = f(space.x(props.times[at]!));
  return (
    <g class="cursor">
      <line x1={x} x2={x} y2={space.height - TOP - BOTTOM} />
      {props.lines.map((line) => {
        const value = line.values[at];
        return value === null || value === undefined ? null : <circle key={line.label} cx={x} cy={f(space.y(value))} r="3.5" style={{ fill: `var(${line.colour})` }} />;
      })}
    </g>
  );
}

function useWidth() {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const place = box.current!;
    setWidth(place.clientWidth);
    const watch = new ResizeObserver(() => setWidth(place.clientWidth));
    watch.observe(place);
    return () => watch.disconnect();
  }, []);
  return [box, width] as const;
}

export function Chart(props: Props) {
  const [box, width] = useWidth();
  const { times, lines, marks = [], format } = props;
  const group = props.group ?? props.label;
  const space = useMemo(() => spaceOf(props, width), [times, lines, width]);
  const drawn = useMemo(() => lines.map((line) => <Drawn key={line.label} space={space} times={times} line={line} />), [space]);
  const pointed = cursor.value?.group === group ? nearest(times, cursor.value.at) : null;
  const move = (event: PointerEvent) => {
    const x = event.clientX - box.current!.getBoundingClientRect().left - LEFT;
    cursor.value = { group, at: space.from + (x / (width - LEFT - RIGHT)) * (space.to - space.from) };
  };
  return (
    <div class="chart">
      <Legend props={props} at={pointed} />
      <div class="canvas" ref={box} style={{ height: `${space.height}px` }} onPointerMove={move} onPointerLeave={() => (cursor.value = null)}>
        {width > 0 && (
          <svg width={width} height={space.height} role="img" aria-label={`${props.label}: ${props.says}`}>
            <Axes space={space} format={format} />
            <Marks space={space} marks={marks} />
            <svg x={LEFT} y={TOP} width={width - LEFT - RIGHT} height={space.height - TOP - BOTTOM}>
              {drawn}
              {pointed !== null && <Cursor space={space} props={props} at={pointed} />}
            </svg>
          </svg>
        )}
      </div>
      <Numbers {...props} />
    </div>
  );
}

const when = (seconds: number) => moment(new Date(seconds * 1_000).toISOString());
const show = (value: number | null | undefined, format: (value: number) => string) => (value === null || value === undefined ? "–" : format(value));

function Legend({ props, at }: { props: Props; at: number | null }) {
  const shown = at ?? props.times.length - 1;
  return (
    <div class="legend" aria-hidden="true">
      {props.lines.map((line) => (
        <span key={line.label}>
          <i class={line.dashed ? "dashed" : ""} style={{ borderColor: `var(${line.colour})` }} />
          {line.label} <b>{show(line.values[shown], props.format)}</b>
          {line.band && <small> {show(line.band.low[shown], props.format)} … {show(line.band.high[shown], props.format)}</small>}
        </span>
      ))}
      {at !== null && <span>{when(props.times[at]!)}</span>}
    </div>
  );
}

/** The same as a table, made when it is asked for. */
function Numbers(props: Props) {
  const [open, setOpen] = useState(false);
  const head = ["Time", ...props.lines.flatMap((line) => (line.band ? [`>${line.label}`, ">at least", ">at most"] : [`>${line.label}`]))];
  const columns = props.lines.flatMap((line) => (line.band ? [line.values, line.band.low, line.band.high] : [line.values]));
  return (
    <details class="numbers" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Numbers<span class="unseen"> of {props.label}</span></summary>
      {open && (
        <Table head={head} label={`Numbers of ${props.label}`}>
          {props.times.map((time, at) => (
            <tr key={time}><td class="nowrap">{when(time)}</td>{columns.map((values, n) => <td class="number" key={n}>{show(values[at], props.format)}</td>)}</tr>
          )).reverse()}
        </Table>
      )}
    </details>
  );
}
