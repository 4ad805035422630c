// What an open page costs while its service is busy: cost.mjs BASE PATH TABS SECONDS
import { browser, context } from "../lib/tab.mjs";
import { pause, tell } from "../lib/ask.mjs";

const [base, path, tabs, seconds] = process.argv.slice(2);
const chrome = await browser();
const profile = await context(chrome);
const sessions = [];
for (let tab = 0; tab < Number(tabs); tab++) {
  const page = await profile.newPage();
  await page.goto(base + path);
  await page.locator(".state.up").waitFor();
  const session = await profile.newCDPSession(page);
  await session.send("Performance.enable");
  sessions.push(session);
}
const metrics = async (session) => Object.fromEntries((await session.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
await pause(2_000);
const before = await Promise.all(sessions.map(metrics));
await pause(Number(seconds) * 1_000);
const after = await Promise.all(sessions.map(metrics));
for (const [what, name] of [["all", "TaskDuration"], ["script", "ScriptDuration"], ["style", "RecalcStyleDuration"], ["layout", "LayoutDuration"]]) {
  // Milliseconds a second, of each tab's main thread.
  tell(what, after.map((one, at) => ((one[name] - before[at][name]) * 1_000) / Number(seconds)));
}
await chrome.close();
