// How long answers take on a long journal: answers.mjs BASE SERVICE ROUNDS
import { Asker, tell } from "../lib/ask.mjs";

const [base, service, rounds] = process.argv.slice(2);
const asker = new Asker(base);

async function times(path) {
  const took = [];
  let bytes = 0;
  for (let round = 0; round < Number(rounds); round++) {
    const answer = await asker.ask(path);
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.body}`);
    took.push(answer.ms);
    bytes = answer.body.length;
  }
  return [took, bytes];
}

/** Every page of a list, by its cursors; how many rows there were. */
async function walk(path) {
  const took = [];
  let rows = 0;
  for (let cursor = ""; cursor !== null; ) {
    const answer = await asker.ask(path + (cursor && `&cursor=${cursor}`));
    took.push(answer.ms);
    const page = JSON.parse(answer.body);
    rows += page.rollouts.length;
    cursor = page.next_cursor;
  }
  return [took, rows];
}

// What the first request of all prepares is no part of a figure.
await asker.ask("/healthz");
for (const [what, path] of [
  ["first", "/api/v1/rollouts?limit=50"],
  ["first of a service", `/api/v1/rollouts?service=${service}&limit=50`],
  ["first of 1 000", "/api/v1/rollouts?limit=1000"],
  ["audit", "/api/v1/audit?limit=50"],
  ["audit filtered", `/api/v1/audit?kind=rollback-started&limit=50`],
  ["page /", "/"],
  ["page of a service", `/${service}`],
  ["page /-/audit", "/-/audit"],
  ["page /-/budgets", "/-/budgets"],
]) {
  const [took, bytes] = await times(path);
  tell(what, took, { bytes });
}
for (const [what, path] of [["every", "/api/v1/rollouts?limit=50"], ["every of a service", `/api/v1/rollouts?service=${service}&limit=50`]]) {
  const [took, rows] = await walk(path);
  tell(what, took, { rows });
}
const [verify, meanwhile] = [new Asker(base), []];
let walking = true;
const walked = verify.ask("/api/v1/audit/verify").finally(() => (walking = false));
while (walking) meanwhile.push((await asker.ask("/api/v1/rollouts?limit=50")).ms);
tell("verify", [(await walked).ms]);
tell("first while verifying", meanwhile);
asker.close();
verify.close();
