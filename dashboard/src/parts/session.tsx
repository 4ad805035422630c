// Who is signed in, and what is said when that ends while the page is open.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Refused, get } from "../net";
import type { Session } from "../types";

/** The last who was signed in here. */
const known = signal<string | null>(null);
const ended = signal(false);
const EVERY_MS = 20_000;

/** Asks whether the session still holds; after a refusal that is known sooner than by itself. */
export async function askWho() {
  try {
    const session = await get<Session>("/api/v1/session");
    if (session.via === "session") known.value = session.name;
    ended.value = known.value !== null && session.via !== "session";
  } catch (error) {
    // Without an answer nothing is known: that is said elsewhere.
    if (error instanceof Refused && error.problem.status === 401) ended.value = true;
  }
}

export const signedOut = ended;

export function SessionEnded() {
  useEffect(() => {
    const look = () => {
      if (!document.hidden) void askWho();
    };
    look();
    const timer = setInterval(look, EVERY_MS);
    addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      removeEventListener("focus", look);
      document.removeEventListener("visibilitychange", look);
    };
  }, []);
  return (
    <div role="alert">
      {ended.value && <p class="banner">{known.value ? <>The session of <b>{known.value}</b> has ended.</> : "Nobody is signed in here any more."} <SignIn /></p>}
    </div>
  );
}

/** The browser's cookie is for all of its tabs: another one can sign in while this one waits. */
export const SignIn = () => <>Run <code>staunch ui</code> and open its link in this browser; this page stays as it is and goes on, with all that was typed.</>;
