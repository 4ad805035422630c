// The one way in which the page acts: a dialog that says what will happen, a reason, and a word to type where it hurts.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Refused, post } from "../net";
import type { Problem } from "../types";
import { SignIn, askWho } from "./session";
import { Trouble } from "./ui";

export interface Question {
  title: string;
  says: ComponentChildren;
  verb: string;
  danger?: boolean;
  /** Typed before it can be done. */
  confirm?: string;
  path: string;
  body?: (reason: string) => unknown;
  /** A reason has to be given. */
  reasoned?: boolean;
  done?: (answer: unknown) => void;
}

/** Who asked is nobody (any more), or not somebody who may. */
const NOBODY = [401, 403];

const asked = signal<Question | null>(null);
/** What was done last, for a moment, and for those who listen. */
export const said = signal("");

export const ask = (question: Question) => (asked.value = question);

export function Asking() {
  const question = asked.value;
  return question ? <Dialog key={question.path + question.verb} question={question} /> : null;
}

function Dialog({ question }: { question: Question }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    dialog.current?.showModal();
    return () => before?.focus();
  }, []);
  const ready = (!question.confirm || typed.trim() === question.confirm) && (!question.reasoned || reason.trim() !== "") && !busy;
  const send = async (event: Event) => {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    setProblem(null);
    try {
      const body = question.body ? question.body(reason.trim()) : { reason: reason.trim() || null };
      const answer = await post(question.path, body);
      said.value = `${question.title}: done`;
      asked.value = null;
      question.done?.(answer);
    } catch (error) {
      setProblem(error instanceof Refused ? error.problem : null);
      void askWho();
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby="asked" onClose={() => (asked.value = null)}>
      <form onSubmit={send} autocomplete="off">
        <h2 id="asked">{question.title}</h2>
        <div class="says">{question.says}</div>
        <label>
          Reason{question.reasoned ? "" : " (goes into the journal)"}
          <input name="reason" value={reason} maxLength={500} autofocus onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
        {question.confirm && (
          <label>
            <span>Type <code>{question.confirm}</code> to go on</span>
            <input name="confirm" value={typed} autocapitalize="off" spellcheck={false} onInput={(event) => setTyped(event.currentTarget.value)} />
          </label>
        )}
        {problem && <Trouble problem={problem} />}
        {problem && NOBODY.includes(problem.status) && <p class="muted"><SignIn /></p>}
        {problem?.findings?.map((finding) => (
          <p class="finding" key={finding.code}><strong>{finding.key}</strong> {finding.text} <span class="muted">{finding.fix}</span></p>
        ))}
        <footer>
          <button type="button" onClick={() => dialog.current?.close()}>Cancel</button>
          <button type="submit" class={question.danger ? "danger" : "primary"} disabled={!ready}>{busy ? "…" : question.verb}</button>
        </footer>
      </form>
    </dialog>
  );
}
