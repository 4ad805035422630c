// Whom the server takes this browser for, and the way in and out.
import { address } from "../route";
import { post, useResource } from "../net";
import type { Session } from "../types";

const leave = async () => {
  await post("/api/v1/logout", {});
  // What others may look at is shown anew; the rest asks who it is.
  location.reload();
};

export function Who() {
  const session = useResource<Session>("/api/v1/session").data.value;
  if (!session) return null;
  if (session.via === "session") {
    return <span class="who" title={`signed in as ${session.role}`}><span>{session.name}</span> <button type="button" onClick={leave}>Sign out</button></span>;
  }
  if (!session.sign_in) return null;
  return <a class="who" href={`${session.sign_in}?to=${encodeURIComponent(address.value)}`} data-plain>Sign in</a>;
}
