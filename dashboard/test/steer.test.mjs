// A rollout is followed and steered from the page alone, by keyboard, through cuts, and whatever its texts hold.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World, browser, tab, tabTo, until } from "./rig.mjs";

const EVIL = `<img src=x onerror="document.title='owned'"></script><script>alert(1)</script>`;
let world, chrome, context;

before(async () => {
  [world, chrome] = await Promise.all([World.raise(), browser()]);
  context = await chrome.newContext({ viewport: { width: 1280, height: 900 } });
  world.load("shop");
  world.load("blog", 60);
});
after(async () => {
  await chrome?.close();
  await world?.strike();
});

const held = (version, more = {}) => ({ shop: { version, ...more }, steps: [10, 50, 100], hold: "10m" });
const waits = (id) => until(`rollout ${id} has a canary`, async () => {
  const { live } = await world.get(`/api/v1/rollouts/${id}`);
  return live?.phase === "progressing" && live.judgement?.requests_now > 20;
});
test("promote and abort by keyboard alone, with a word to type where it hurts", async () => {
  world.write(held("v2"));
  const id = await world.deploy("shop");
  await waits(id);
  const page = await tab(context, `${world.base}/shop/${id}`);
  await page.keyboard.press("Shift+P");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await page.keyboard.type("it looks well");
  await page.keyboard.press("Enter");
  assert.ok(await dialog.isVisible(), "nothing is done before the version is typed");
  await tabTo(page, dialog.locator("[name=confirm]"));
  await page.keyboard.type("v2");
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "hidden" });
  await page.getByText("step 2 of 3").first().waitFor();
  const promoted = (await world.get(`/api/v1/rollouts/${id}/events`)).entries.find((entry) => entry.kind === "step-passed");
  assert.equal(promoted.body.by ?? Object.values(promoted.body)[0]?.by, "local");
  assert.match(JSON.stringify(promoted.body), /it looks well/);

  await page.keyboard.press("p");
  await dialog.waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Paused", exact: true }).waitFor();
  await tabTo(page, page.getByRole("button", { name: "Abort" }));
  await page.keyboard.press("Enter");
  await dialog.waitFor();
  await page.keyboard.type("enough");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Why it was taken back" }).waitFor();
  await page.locator("h1", { hasText: /rolled back|going back/ }).waitFor();
  await world.phase(id, "rolled-back");
  assert.deepEqual(page.faults, []);
  await page.close();
});

test("keys lead from page to page, to the filter and through rows", async () => {
  const page = await tab(context, world.base);
  await page.keyboard.press("/");
  await page.keyboard.type("blo");
  await until("one service is left", async () => (await page.locator(".service").count()) === 1);
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/blog");
  for (const [keys, title] of [["gb", "Budgets"], ["gt", "Guards"], ["gl", "Audit"], ["ga", "Approvals"], ["gs", "Services"]]) {
    for (const key of keys) await page.keyboard.press(key);
    await page.getByRole("heading", { level: 1, name: title }).waitFor();
  }
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.deepEqual(page.faults, []);
  await page.close();
});

test("what a command is refused for is told where it was given", async () => {
  world.write(held("v3"));
  const id = await world.deploy("shop");
  await waits(id);
  const page = await tab(context, `${world.base}/shop/${id}`);
  await page.getByRole("button", { name: /^Pause/ }).click();
  // Meanwhile somebody else was faster.
  await world.post(`/api/v1/rollouts/${id}/pause`, { reason: "first" });
  await page.getByRole("dialog").getByRole("button", { name: "Pause" }).click();
  await page.getByRole("alert").getByText("conflict").waitFor();
  await page.keyboard.press("Escape");
  await world.post(`/api/v1/rollouts/${id}/abort`);
  await world.phase(id, "rolled-back");
  await page.close();
});

test("texts that are markup are shown and harm nobody", async () => {
  world.write({ shop: { version: "v4", fails: 0.4, says: EVIL }, hold: "1s" });
  const quiet = world.load("shop", 100, { path: "/\"onmouseover=\"alert(1)?q='onerror='alert(1)", headers: { traceparent: EVIL, "user-agent": EVIL, referer: EVIL, "x-request-id": EVIL } });
  const id = await world.deploy("shop", EVIL);
  await world.phase(id, "rolled-back");
  quiet();
  assert.match(JSON.stringify(await world.get(`/api/v1/rollouts/${id}/report`)), /onmouseover=/, "what users sent is in the report");
  const page = await tab(context, `${world.base}/shop/${id}`);
  await page.getByRole("heading", { name: "Why it was rolled back" }).waitFor();
  assert.ok((await page.locator(".headline").innerText()).includes("<img src=x"), "the reason is shown as it was given");
  await until("the log is shown", async () => (await page.locator(".log pre").first().innerText()).includes("onerror="));
  await world.post(`/api/v1/services/blog/freeze`, { reason: EVIL });
  for (const path of ["/-/guards", "/-/audit", "/blog", "/shop?compare=1,2", "/"]) {
    await page.goto(world.base + path);
    await page.locator("main .card").first().waitFor();
  }
  await page.goto(`${world.base}/-/audit`);
  await page.getByText("onerror").first().waitFor();
  await world.post(`/api/v1/services/blog/unfreeze`, { reason: "it was a test" });
  assert.notEqual(await page.title(), "owned");
  assert.equal(await page.locator("img[src='x'], main script, [onmouseover], [onerror]").count(), 0);
  assert.deepEqual(page.faults, []);
  const { headers } = await fetch(`${world.base}/shop/${id}`, { headers: { accept: "text/html" } }).then(async (answer) => ({ headers: answer.headers, body: await answer.text() }));
  assert.match(headers.get("content-security-policy"), /default-src 'self'/);
  assert.doesNotMatch(headers.get("content-security-policy"), /unsafe/);
  await page.close();
});

test("charts show what was recorded, as a picture and as numbers", async () => {
  world.write(held("v5"));
  const id = await world.deploy("shop");
  await waits(id);
  await until("there are some points", async () => (await world.get(`/api/v1/rollouts/${id}/samples`)).points.length >= 5);
  const page = await tab(context, `${world.base}/shop/${id}`);
  const chart = page.getByRole("img", { name: /^Error rate:/ });
  await chart.waitFor();
  const colours = await chart.evaluate(async (svg) => {
    const box = svg.getBoundingClientRect();
    const copy = svg.cloneNode(true);
    const from = [svg, ...svg.querySelectorAll("*")];
    [copy, ...copy.querySelectorAll("*")].forEach((node, at) => {
      const style = getComputedStyle(from[at]);
      for (const key of ["fill", "stroke", "fillOpacity", "strokeWidth", "color"]) node.style[key] = style[key];
    });
    const image = new Image();
    image.src = `data:image/svg+xml;utf8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = box.width;
    canvas.height = box.height;
    const ink = canvas.getContext("2d");
    ink.drawImage(image, 0, 0);
    const { data } = ink.getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Map();
    for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 20) seen.set(`${data[at] >> 5},${data[at + 1] >> 5},${data[at + 2] >> 5}`, (seen.get(`${data[at] >> 5},${data[at + 1] >> 5},${data[at + 2] >> 5}`) ?? 0) + 1);
    return [...seen.values()].filter((count) => count > 20).length;
  });
  assert.ok(colours >= 3, `the chart is drawn in ${colours} colours`);
  await world.post(`/api/v1/rollouts/${id}/abort`);
  await world.phase(id, "rolled-back");
  await page.getByRole("heading", { name: "Why it was taken back" }).waitFor();
  await page.reload();
  await page.locator("details.numbers").first().locator("summary").click();
  const rows = page.getByRole("region", { name: "Numbers of Error rate" }).locator("tbody tr");
  let points;
  // The last second of a recording is written a moment after the rollout has ended.
  await until("the table has every point", async () => {
    ({ points } = await world.get(`/api/v1/rollouts/${id}/samples`));
    return (await rows.count()) === points.length;
  });
  const canary = points.at(-1).gates[0].canary;
  const first = await rows.first().innerText();
  const told = Number(/([\d.]+) %/.exec(first)[1]);
  // Three figures are shown at most.
  assert.ok(Math.abs(told - canary.estimate * 100) <= 0.05, `${first} has ${canary.estimate}`);
  assert.deepEqual(page.faults, []);
  await page.close();
});

test("two tabs share one stream, and one takes over from the other", async () => {
  const shared = await chrome.newContext();
  const streams = [];
  shared.on("request", (request) => request.url().includes("/api/v1/changes") && streams.push(request.frame().page()));
  const first = await tab(shared, world.base);
  await first.getByText("live", { exact: true }).waitFor();
  const second = await tab(shared, `${world.base}/shop`);
  await second.getByText("live", { exact: true }).waitFor();
  assert.equal(streams.length, 1);
  const stream = (page) => page.evaluate(() => document.documentElement.dataset.stream);
  assert.deepEqual([await stream(first), await stream(second)], ["leads", "follows"]);
  const at = () => second.evaluate(() => document.querySelector("svg[aria-label^='Requests'] text")?.textContent);
  await until("news reach the second tab", at);
  await first.close();
  await until("the second tab reads the stream itself", async () => (await stream(second)) === "leads");
  await second.getByText("live", { exact: true }).waitFor();
  assert.equal(streams.length, 2);
  assert.equal(streams[1], second);
  await shared.close();
});

test("the page survives the death of control, without a reload and without a gap", async () => {
  world.write(held("v6"));
  const id = await world.deploy("shop");
  await waits(id);
  const page = await tab(context, `${world.base}/shop/${id}`);
  await page.evaluate(() => (window.same = "page"));
  await page.getByRole("button", { name: "Full", exact: true }).click();
  await world.kill();
  await page.getByText("Control has not answered since").waitFor();
  world.start();
  await until("control is back", () => world.get("/api/v1/meta"));
  // While the page still tries, something happens.
  await until("it is paused", async () => (await world.post(`/api/v1/rollouts/${id}/pause`, { reason: "while nobody looked" })).status === 200);
  await page.getByRole("heading", { name: "Paused", exact: true }).waitFor();
  await page.getByText("Control has not answered since").waitFor({ state: "hidden" });
  const shown = async () => (await page.locator(".timeline li small").allInnerTexts()).map((text) => Number(/#(\d+)/.exec(text)[1]));
  const { entries } = await world.get(`/api/v1/rollouts/${id}/events`);
  await until("every entry is shown, once", async () => JSON.stringify(await shown()) === JSON.stringify(entries.map((entry) => entry.sequence).reverse()));
  assert.equal(await page.evaluate(() => window.same), "page", "it was not loaded again");
  await world.post(`/api/v1/rollouts/${id}/abort`);
  await page.getByRole("heading", { name: "Why it was taken back" }).waitFor();
  assert.deepEqual(page.faults, []);
  await page.close();
});
