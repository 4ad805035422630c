// A long timeline: opened, shown in full, as JSON, and scrolled through: timeline.mjs BASE PATH ROUNDS
import { browser, context, longTasks, painted } from "../lib/tab.mjs";
import { tell } from "../lib/ask.mjs";

const [base, path, rounds] = process.argv.slice(2);
const chrome = await browser();
const longest = {};
const note = (what, tasks) => (longest[what] ??= []).push(Math.max(0, ...tasks));
let nodes = 0;
let shown = 0;

/** From end to end, a screen's tenth a frame, as a wheel does. */
const scroll = (page) => page.evaluate(() => new Promise((done) => {
  const list = document.querySelector(".timeline");
  const step = () => {
    const before = list.scrollTop;
    list.scrollTop += Math.max(60, list.scrollHeight / 200);
    if (list.scrollTop === before) return done();
    requestAnimationFrame(step);
  };
  step();
}));

for (let round = 0; round < Number(rounds); round++) {
  const fresh = await context(chrome);
  const page = await fresh.newPage();
  await page.goto(base + path);
  await page.locator(".timeline li").first().waitFor();
  await painted(page);
  note("opened", await longTasks(page));
  nodes = await page.evaluate(() => document.querySelectorAll("*").length);
  shown = await page.evaluate(() => document.querySelector(".timeline").scrollHeight);
  await scroll(page);
  await painted(page);
  note("scrolled", await longTasks(page));
  for (const view of ["Full", "JSON"]) {
    await page.locator(".timeline").evaluate((list) => (list.scrollTop = 0));
    await page.getByRole("button", { name: view, exact: true }).click();
    await painted(page);
    note(`${view} opened`, await longTasks(page));
    await scroll(page);
    await painted(page);
    note(`${view} scrolled`, await longTasks(page));
  }
  await fresh.close();
}
for (const [what, tasks] of Object.entries(longest)) tell(what, tasks, { nodes, shown });
await chrome.close();
