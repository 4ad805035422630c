// Tabs that note what they paint and what holds them up. The browser is the one of the page's tests.
export { browser } from "../../dashboard/test/rig.mjs";

/** Runs in each page before anything of its own. */
function notes() {
  window.notes = { long: [], wanted: null };
  new PerformanceObserver((list) => list.getEntries().forEach((task) => window.notes.long.push(Math.round(task.duration)))).observe({ type: "longtask", buffered: true });
  const heading = () => document.querySelector("h1")?.textContent ?? "";
  const look = () => {
    const { wanted } = window.notes;
    if (!wanted || !heading().includes(wanted.says)) return;
    window.notes.wanted = null;
    // The frame that shows it has been handed over when the task behind it runs.
    requestAnimationFrame(() => {
      const behind = new MessageChannel();
      behind.port1.onmessage = () => wanted.done(performance.timeOrigin + performance.now());
      behind.port2.postMessage(null);
    });
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
  /** When the heading says it and that has been painted, in milliseconds since the epoch. */
  window.notes.says = (says) => new Promise((done) => {
    window.notes.wanted = { says, done };
    look();
  });
}

export async function context(chrome, options = {}) {
  const made = await chrome.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  await made.addInitScript(notes);
  return made;
}

/** A tab behind another one: Playwright says of every tab that it is seen. */
export const inBackground = (page) =>
  page.addInitScript(() => {
    Object.defineProperty(document, "hidden", { get: () => true });
    Object.defineProperty(document, "visibilityState", { get: () => "hidden" });
  });

/** What has held the page up since it was asked last, in milliseconds each. */
export const longTasks = (page) => page.evaluate(() => window.notes.long.splice(0));

/** Resolves when what was asked of the page has been painted. */
export const painted = (page) =>
  page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
