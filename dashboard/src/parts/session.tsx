// Who is signed in, the way in and out, and what is said when a session ends while the page is open.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Refused, get, post } from "../net";
import { address } from "../route";
import type { Session } from "../types";

const session = signal<Session | null>(null);
/** The last who was signed in here. */
const known = signal<string | null>(null);
const ended = signal(false);
const EVERY_MS = 20_000;

/** Asks whether the session still holds; after a refusal that is known sooner than by itself. */
export async function askWho() {
  try {
    const now = await get<Session>("/api/v1/session");
    session.value = now;
    if (now.via === "session") known.value = now.name;
    ended.value = known.value !== null && now.via !== "session";
  } catch (error) {
    // Without an answer nothing is known: that is said elsewhere.
    if (error instanceof Refused && error.problem.status === 401) ended.value = true;
  }
}

export const signedOut = ended;

async function leave() {
  await post("/api/v1/logout", {});
  known.value = null;
  await askWho();
}

/** In the head of each page. */
export function Who() {
  const now = session.value;
  if (now?.via === "session") {
    return <span class="who" title={`signed in as ${now.role}`}><span>{now.name}</span><button type="button" onClick={leave}>Sign out</button></span>;
  }
  return now?.sign_in ? <Link at={now.sign_in}>Sign in</Link> : null;
}

/** Through the provider, and back to what is shown. */
const Link = ({ at, children }: { at: string; children: string }) => <a class="who" href={`${at}?to=${encodeURIComponent(address.value)}`} data-plain>{children}</a>;

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
export function SignIn() {
  const at = session.value?.sign_in;
  if (at) return <><a href={at} target="_blank" rel="noreferrer">Sign in in another tab</a>; this page stays as it is and goes on, with all that was typed.</>;
  return <>Run <code>staunch ui</code> and open its link in this browser; this page stays as it is and goes on, with all that was typed.</>;
}
