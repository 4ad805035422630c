// The first paint of each page, which has data, in a browser that has never been there: first.mjs BASE ROUNDS PATH...
import { browser, context } from "../lib/tab.mjs";
import { tell } from "../lib/ask.mjs";

const [base, rounds, ...paths] = process.argv.slice(2);
const chrome = await browser();

/** Milliseconds since the address was entered. */
function timing() {
  const [document_] = performance.getEntriesByType("navigation");
  const files = performance.getEntriesByType("resource").filter((one) => /\/-\/app\./.test(one.name));
  const [{ startTime: first }] = performance.getEntriesByName("first-contentful-paint");
  const here = Math.max(0, ...files.map((one) => one.responseEnd));
  return { first, document: document_.responseEnd, files: here, script: document_.domContentLoadedEventEnd, bytes: document_.encodedBodySize, says: document.body.innerText.length > 20 };
}

async function visit(path, where) {
  const page = await where.newPage();
  await page.goto(base + path);
  await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
  const seen = await page.evaluate(timing);
  if (!seen.says) throw new Error(`${path}: the first paint had nothing to say`);
  await page.close();
  return seen;
}

// The browser itself is warm: what it does for its first page of all is not ours.
const warm = await context(chrome);
await visit(paths[0], warm);
await warm.close();
for (const path of paths) {
  const [cold, again] = [[], []];
  for (let round = 0; round < Number(rounds); round++) {
    const fresh = await context(chrome);
    cold.push(await visit(path, fresh));
    again.push(await visit(path, fresh));
    await fresh.close();
  }
  const of = (seen, what) => seen.map((one) => one[what]);
  const middle = (what) => Math.round([...of(cold, what)].sort((a, b) => a - b)[cold.length >> 1]);
  tell(path, of(cold, "first"), { document: middle("document"), files: middle("files"), script: middle("script"), kib: Math.round(middle("bytes") / 1024) });
  tell(`${path} again`, of(again, "first"));
}
await chrome.close();
