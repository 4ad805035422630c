// Small things that every page uses.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { moment, percent, span } from "../format";
import { now } from "../now";
import type { Problem } from "../types";

export type Tone = "good" | "bad" | "warn" | "busy" | "calm";
const MARKS: Record<Tone, string> = { good: "✓", bad: "✕", warn: "!", busy: "●", calm: "·" };

/** A state in words and a mark: never in colour alone. */
export function Pill({ tone, children, mark }: { tone: Tone; children: ComponentChildren; mark?: string }) {
  return (
    <span class={`pill ${tone}`}>
      <span aria-hidden="true">{mark ?? MARKS[tone]}</span> {children}
    </span>
  );
}

export function Card({ title, aside, children, tone, id }: {
  title?: ComponentChildren; aside?: ComponentChildren; children: ComponentChildren; tone?: Tone; id?: string;
}) {
  return (
    <section class={`card ${tone ?? ""}`} id={id}>
      {(title || aside) && (
        <header>
          {title && <h2>{title}</h2>}
          {aside && <div class="aside">{aside}</div>}
        </header>
      )}
      {children}
    </section>
  );
}

/** The browser's title and the page's first heading. */
export function Title({ text, children }: { text: string; children?: ComponentChildren }) {
  useEffect(() => {
    document.title = `${text} · Staunch`;
  }, [text]);
  return <h1 tabIndex={-1}>{children ?? text}</h1>;
}

export const Time = ({ at }: { at: string }) => <time dateTime={at} title={at}>{moment(at)}</time>;

/** `in 12 s`, and after that `now`. */
export function Until({ at }: { at: string }) {
  const left = Date.parse(at) - now.value;
  return <time dateTime={at} title={at}>{left > 0 ? `in ${span(Math.ceil(left / 1_000) * 1_000)}` : "now"}</time>;
}

export function Ago({ at }: { at: string }) {
  const past = Math.max(0, now.value - Date.parse(at));
  return <time dateTime={at} title={at}>{past < 10_000 ? "just now" : `${span(Math.floor(past / 1_000) * 1_000)} ago`}</time>;
}

export function Trouble({ problem }: { problem: Problem }) {
  return (
    <div class="trouble" role="alert">
      <strong>{problem.title}.</strong> {problem.detail} <span class="muted">{problem.help}</span>{" "}
      <a href={problem.type} data-plain target="_blank" rel="noreferrer">{problem.code}</a>
    </div>
  );
}

export const Empty = ({ children }: { children: ComponentChildren }) => <p class="empty">{children}</p>;

/** What is asked for and not there yet. */
export const Loading = () => <p class="empty loading" aria-busy="true">…</p>;

/** A table that scrolls inside itself when the screen is narrow. */
export function Table({ head, children, label }: { head: ComponentChildren[]; children: ComponentChildren; label: string }) {
  return (
    <div class="scroll" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead><tr>{head.map((cell, at) => <th key={at} scope="col" class={typeof cell === "string" && cell.startsWith(">") ? "number" : ""}>{typeof cell === "string" ? cell.replace(/^>/, "") : cell}</th>)}</tr></thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** A share between 0 and 1 as a bar with a number. */
export function Meter({ ratio, label, tone = "calm" }: { ratio: number; label: string; tone?: Tone }) {
  const shown = Math.min(1, Math.max(0, ratio));
  return (
    <div class={`meter ${tone}`} role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(shown * 100)} aria-valuetext={percent(ratio)}>
      <span style={{ width: `${shown * 100}%` }} />
    </div>
  );
}

/** One of several views. */
export function Switch<T extends string>({ of, value, pick, label }: { of: readonly (readonly [T, string])[]; value: T; pick: (value: T) => void; label: string }) {
  return (
    <div class="switch" role="group" aria-label={label}>
      {of.map(([key, says]) => (
        <button key={key} type="button" aria-pressed={key === value} onClick={() => pick(key)}>{says}</button>
      ))}
    </div>
  );
}
