// Makes the journal of a rollout long by pausing and resuming it: pauses.mjs BASE ROLLOUT ENTRIES
import { Asker } from "../lib/ask.mjs";

const [base, rollout, wanted] = process.argv.slice(2);
const asker = new Asker(base);
const begun = performance.now();
const recorded = async () => (await asker.json(`/api/v1/rollouts/${rollout}/events`)).entries.length;
for (let left = Number(wanted) - (await recorded()); left > 0; left -= 2) {
  await asker.post(`/api/v1/rollouts/${rollout}/pause`, { reason: `so many are left: ${left}` });
  await asker.post(`/api/v1/rollouts/${rollout}/resume`, {});
}
console.log(JSON.stringify({ recorded: await recorded(), ms: Math.round(performance.now() - begun) }));
asker.close();
