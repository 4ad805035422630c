// From a command to the pixels that show it, in many tabs: events.mjs BASE PATH ROLLOUT TABS BROWSERS EVENTS
// The last tab of each browser is in front of the others: it does not read the stream itself, the first one does.
import { browser, context, inBackground } from "../lib/tab.mjs";
import { Asker, pause, tell } from "../lib/ask.mjs";

const [base, path, rollout, tabs, contexts, events] = process.argv.slice(2);
const chrome = await browser();
const asker = new Asker(base);
const pages = [];
for (let number = 0; number < Number(contexts); number++) {
  // A profile of its own: its tabs share one stream.
  const profile = await context(chrome);
  const each = Number(tabs) / Number(contexts);
  for (let tab = 1; tab <= each; tab++) {
    const page = await profile.newPage();
    const seen = tab === each;
    if (!seen) await inBackground(page);
    await page.goto(base + path);
    await page.locator("h1").waitFor();
    await page.locator(".state.up").waitFor();
    if (!seen) continue;
    // Chromium paints a tab that it takes for covered once a second.
    await page.bringToFront();
    pages.push(page);
  }
}

/** Longer than any screen may take. */
const PATIENCE = 10_000;
const [toPixel, fromRecord] = [[], []];
let missed = 0;
for (let event = 0; event < Number(events); event++) {
  const [verb, kind, says] = event % 2 === 0 ? ["pause", "paused", "paused"] : ["resume", "resumed", "step"];
  const late = pause(PATIENCE);
  const shown = pages.map((page) => Promise.race([page.evaluate((says) => window.notes.says(says), says), late]));
  // Every tab is waiting by now.
  await Promise.all(pages.map((page) => page.evaluate(() => true)));
  const sent = Date.now();
  await asker.post(`/api/v1/rollouts/${rollout}/${verb}`, { reason: "measured" });
  const seen = await Promise.all(shown);
  const { entries } = await asker.json(`/api/v1/rollouts/${rollout}/events`);
  const recorded = Date.parse(entries.findLast((entry) => entry.kind === kind).at);
  for (const at of seen) {
    if (at === undefined) missed++;
    else {
      toPixel.push(at - sent);
      fromRecord.push(at - recorded);
    }
  }
  await pause(500);
}
tell("from the command", toPixel, { missed, seen: pages.length });
tell("from the record", fromRecord);
await chrome.close();
asker.close();
