// What a person can do with a rollout or a service, and what the dialog says before it is done.
import { percent } from "../format";
import type { Approval, Rollout, Service } from "../types";
import { go } from "../route";
import { ask, type Question } from "./ask";

export interface Act { verb: string; says: string; key?: string; danger?: boolean; question: Question }

export const act = (one: Act) => ask(one.question);

/** In this order, as far as they are possible now. */
export function actions(rollout: Rollout, service: string): Act[] {
  const at = `/api/v1/rollouts/${rollout.id}`;
  const expect = { rollout: rollout.id, step: rollout.phase === "progressing" ? rollout.step : null };
  const body = (reason: string) => ({ reason: reason || null, expect });
  const { to } = rollout;
  const from = rollout.from ?? "the old version";
  const next = rollout.steps_ratio[rollout.step + 1];
  const all: Act[] = [
    {
      verb: "resume", says: "Resume", key: "p",
      question: { title: `Resume the rollout of ${to}`, says: "It goes on by itself as its gates pass.", verb: "Resume", path: `${at}/resume`, body },
    },
    {
      verb: "pause", says: "Pause", key: "p",
      question: { title: `Pause the rollout of ${to}`, says: "The traffic stays as it is, gates and triggers go on watching. A bad version is still taken back.", verb: "Pause", path: `${at}/pause`, body },
    },
    {
      verb: "promote", says: "Promote", key: "P",
      question: {
        title: rollout.phase === "baking" ? `End the bake of ${to}` : next !== undefined ? `Send ${percent(next)} of the traffic to ${to}` : `Promote ${to}`,
        says: "It goes on without waiting for this step's gates. They go on watching: what is bad is still taken back.",
        verb: "Promote", confirm: to, danger: true, path: `${at}/promote`, body,
      },
    },
    {
      verb: "promote-full", says: "Promote to 100 %",
      question: {
        title: `Send all traffic to ${to}`, says: "All remaining steps are skipped. Their gates are not waited for.",
        verb: "Send everyone", confirm: to, danger: true, path: `${at}/promote-full`, body,
      },
    },
    {
      verb: "abort", says: "Abort", key: "A", danger: true,
      question: { title: `Take ${to} back`, says: `All traffic goes to ${from} at once; requests in flight are finished.`, verb: "Abort", danger: true, path: `${at}/abort`, body: (reason) => ({ reason: reason || null, expect: { rollout: rollout.id } }) },
    },
  ];
  const possible = all.filter((one) => rollout.allowed_actions.includes(one.verb));
  const ended = rollout.phase === "succeeded" && rollout.from !== null && rollout.kind !== "rollback";
  return ended ? [...possible, goBack(service, rollout.from!)] : possible;
}

interface Deployed { rollout?: number }
const open = (service: string) => (answer: unknown) => {
  const started = (answer as Deployed).rollout;
  if (started) go(`/${service}/${started}`);
};

export const goBack = (service: string, to: string): Act => ({
  verb: "rollback", says: `Back to ${to}`, danger: true,
  question: {
    title: `Take ${service} back to ${to}`, says: "The earlier version is started again as it was and gets all traffic at once.",
    verb: "Go back", confirm: to, danger: true, path: `/api/v1/services/${service}/rollback`,
    body: (reason) => ({ to, reason: reason || null }), done: open(service),
  },
});

export const deploy = (service: string, to: string): Act => ({
  verb: "deploy", says: `Deploy ${to}`,
  question: {
    title: `Deploy ${to} of ${service}`, says: "What the file describes now is started beside what runs, and gets its first share of the traffic when it is ready.",
    verb: "Deploy", path: `/api/v1/services/${service}/rollouts`, done: open(service),
  },
});

export const freeze = (service: Service): Act =>
  service.frozen
    ? { verb: "unfreeze", says: "Unfreeze", question: { title: `Unfreeze ${service.name}`, says: "Changes may begin again.", verb: "Unfreeze", reasoned: true, path: `/api/v1/services/${service.name}/unfreeze` } }
    : { verb: "freeze", says: "Freeze", question: { title: `Freeze ${service.name}`, says: "No change begins until somebody unfreezes it. What runs goes on, and going back is always possible.", verb: "Freeze", reasoned: true, path: `/api/v1/services/${service.name}/freeze` } };

export const vote = (service: string, approval: Approval, agrees: boolean): Act => {
  const verb = agrees ? "Approve" : "Reject";
  return {
    verb: verb.toLowerCase(), says: verb, danger: !agrees,
    question: {
      title: `${verb} ${approval.to} of ${service}`,
      says: agrees ? `${approval.by} may deploy exactly this content by this path. The journal keeps who agreed and why.` : `${approval.by} has to change it, or ask again.`,
      verb, danger: !agrees, reasoned: !agrees, path: `/api/v1/services/${service}/${verb.toLowerCase()}`,
    },
  };
};
