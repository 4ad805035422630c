// What is in force, where it came from, and what the file says otherwise: seen and searched on the page.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World, barriers, browser, tab, until } from "./rig.mjs";

const SECRET = "hunter2-of-the-database";
const EVIL = "v1<script>alert(1)";
let world, chrome, context;

before(async () => {
  [world, chrome] = await Promise.all([World.raise({ shop: { says: SECRET, version: EVIL } }), browser()]);
  context = await chrome.newContext({ viewport: { width: 1280, height: 900 } });
});
after(async () => {
  await chrome?.close();
  await world?.strike();
});

test("values have their lines, are searched, and say when the file has changed", async () => {
  const page = await tab(context, `${world.base}/shop`);
  const table = page.getByRole("region", { name: "Configuration of shop" });
  const row = (key) => table.getByRole("row").filter({ has: page.getByText(key, { exact: true }) });
  await row("canary.hold").waitFor();
  const { settings } = await world.get("/api/v1/services/shop/config");
  const hold = settings.find((one) => one.key === "canary.hold");
  assert.match(await row("canary.hold").innerText(), new RegExp(`"0s"[^]*line ${hold.line}[^]*default "5s"`));
  assert.match(await row("version").innerText(), /<script>alert/);
  assert.equal(await row("edge.lease").count(), 0, "defaults are not shown until they are asked for");
  await page.getByRole("button", { name: "all", exact: true }).click();
  assert.match(await row("edge.lease").innerText(), /"3s"[^]*default/);

  await page.keyboard.press("/");
  await page.keyboard.type("bake");
  await until("only what fits is left", async () => (await row("edge.lease").count()) === 0 && (await row("canary.bake").count()) === 1);
  await page.keyboard.press("Escape");
  const search = page.getByRole("searchbox", { name: "Search settings" });
  assert.equal(await search.inputValue(), "bake", "what was found stays");
  await search.fill("");

  // A secret is shown by name, here and in everything that the page was sent.
  assert.match(await row("env.SAYS").innerText(), /•••/);
  assert.doesNotMatch(await page.content(), new RegExp(SECRET));
  assert.doesNotMatch(JSON.stringify(await world.get("/api/v1/services/shop/config")), new RegExp(SECRET));

  world.write({ shop: { says: `${SECRET}-2`, version: EVIL }, hold: "7s" });
  await page.reload();
  await page.getByText("says 2 values otherwise by now").waitFor();
  assert.match(await row("canary.hold").innerText(), /"0s"[^]*the file: "7s"/);
  assert.match(await row("env.SAYS").innerText(), /the file:/);
  assert.doesNotMatch(await page.content(), new RegExp(SECRET));
  assert.deepEqual(await barriers(page), []);

  // A broken file is said to be one, and none of its lines are shown.
  world.write({ shop: { says: SECRET, version: EVIL }, policy: `nonsense = "${SECRET}"` });
  await page.reload();
  await page.getByText("the file cannot be read now").waitFor();
  await row("canary.hold").waitFor();
  assert.doesNotMatch(await page.content(), new RegExp(SECRET));

  // A deploy brings what the file says, and then it is in force.
  world.write({ shop: { says: SECRET, version: "v2" }, hold: "1s" });
  const id = await world.deploy("shop");
  await page.getByRole("link", { name: `rollout ${id}` }).last().waitFor();
  await until("the new value is in force", async () => /"1s"/.test(await row("canary.hold").innerText()));
  assert.deepEqual(page.faults, []);
  await page.close();
});
