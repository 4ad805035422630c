// Pages of elsewhere, in a real browser that is signed in: they can neither look nor act.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { World, browser, tab, until } from "./rig.mjs";

let world, chrome, context, elsewhere;

/** A page of another origin that tries everything that a page can. */
const attack = (base) => `<!doctype html><title>elsewhere</title><h1>Win a phone</h1>
<form id="form" method="post" action="${base}/api/v1/services/shop/freeze" enctype="text/plain" target="inside"><input name='{"reason":"form' value='"}'></form>
<iframe name="inside"></iframe><iframe id="framed" src="${base}/shop"></iframe>
<script>
const tried = {};
const at = (path) => "${base}" + path;
const told = (name, work) => work.then((answer) => (tried[name] = "answered " + answer.type + " " + answer.status), () => (tried[name] = "refused"));
window.tried = Promise.all([
  told("read", fetch(at("/api/v1/services"), { credentials: "include" })),
  told("simple", fetch(at("/api/v1/services/shop/freeze"), { method: "POST", mode: "no-cors", credentials: "include", headers: { "content-type": "text/plain" }, body: '{"reason":"simple"}' })),
  told("json", fetch(at("/api/v1/services/shop/freeze"), { method: "POST", credentials: "include", headers: { "content-type": "application/json" }, body: '{"reason":"json"}' })),
  told("stream", new Promise((done, fail) => { const source = new EventSource(at("/api/v1/changes"), { withCredentials: true }); source.onopen = () => done({ type: "stream", status: 200 }); source.onerror = () => { source.close(); fail(); }; })),
  told("shutdown", fetch(at("/api/v1/shutdown"), { method: "POST", mode: "no-cors", credentials: "include" })),
]).then(() => tried);
document.getElementById("form").submit();
</script>`;

before(async () => {
  [world, chrome] = await Promise.all([World.raise(), browser(["--host-resolver-rules=MAP evil.example 127.0.0.1"])]);
  elsewhere = createServer((_, response) => response.setHeader("content-type", "text/html").end(attack(world.base)));
  await new Promise((done) => elsewhere.listen(0, "127.0.0.1", done));
  context = await chrome.newContext();
  const page = await tab(context, world.link(await world.token("root", "admin")));
  await page.waitForURL(`${world.base}/`);
  await page.close();
});
after(async () => {
  elsewhere?.close();
  await chrome?.close();
  await world?.strike();
});

test("a name that is not the server's shows nothing, whatever it resolves to", async () => {
  const port = new URL(world.base).port;
  const page = await context.newPage();
  for (const path of ["/", "/shop", "/api/v1/services", "/-/app.js", "/login"]) {
    const answer = await page.goto(`http://evil.example:${port}${path}`);
    assert.equal(answer.status(), 403, path);
    const body = await answer.text();
    assert.match(body, /forbidden-host/, path);
    assert.doesNotMatch(body, /healthy/, path);
  }
  const posted = await page.evaluate(() => fetch("/api/v1/services/shop/freeze", { method: "POST", headers: { "content-type": "application/json" }, body: '{"reason":"rebound"}' }).then((answer) => answer.status, () => "blocked"));
  assert.ok([403, "blocked"].includes(posted), String(posted));
  assert.equal((await world.get("/api/v1/services/shop")).frozen, null);
  await page.close();
});

for (const host of ["evil.example", "127.0.0.1"]) {
  test(`a page of ${host} on another port can neither read nor act`, async () => {
    const page = await context.newPage();
    const seen = [];
    page.on("response", (response) => seen.push(`${response.request().method()} ${new URL(response.url()).pathname} ${response.status()}`));
    page.on("requestfailed", (request) => seen.push(`${request.method()} ${new URL(request.url()).pathname} blocked`));
    await page.goto(`http://${host}:${elsewhere.address().port}/`);
    const tried = await page.evaluate(() => window.tried);
    assert.equal(tried.read, "refused");
    assert.equal(tried.json, "refused");
    assert.equal(tried.stream, "refused");
    // Such a page is told nothing; what the server said, the browser knows.
    const freeze = await until("the form was answered", () => seen.filter((one) => one.startsWith("POST /api/v1/services/shop/freeze")).length >= 2 && seen);
    const posts = freeze.filter((one) => one.startsWith("POST"));
    assert.ok(posts.every((one) => / (403|blocked)$/.test(one)), posts.join("; "));
    const inside = page.frames().find((frame) => frame.url().includes("/shop") || frame.url().startsWith("chrome-error"));
    assert.ok(!inside || (await inside.evaluate(() => document.querySelector("#app")?.textContent ?? "")) === "", "the page is not framed");
    const service = await world.get("/api/v1/services/shop");
    assert.deepEqual([service.frozen, service.health], [null, "healthy"]);
    assert.deepEqual(await world.journal("frozen"), []);
    await page.close();
  });
}
