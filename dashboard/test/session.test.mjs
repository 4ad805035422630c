// A session that ends while the page is open: the page says so, loses nothing that was typed, and goes on when somebody
// has signed in again.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World, browser, tab, until } from "./rig.mjs";

const POLICY = `[policy]\napprovals = { count = 1, from = ["grace"] }`;
let world, chrome;

before(async () => {
  [world, chrome] = await Promise.all([World.raise(), browser()]);
  // Somebody who has access whatever happens to the others, so that nobody is let in for want of names.
  await world.token("root", "admin");
  world.write({ shop: { version: "v2" }, policy: POLICY });
  const asked = await world.run("--as", "ada", "deploy", "shop");
  assert.equal(asked.code, 13, asked.said);
});
after(async () => {
  await chrome?.close();
  await world?.strike();
});

/** Refusals are told by the browser too. */
const own = (page) => page.faults.filter((fault) => !/status of 401/.test(fault));

test("a revoked token ends its session, and a new one takes the answer that was typed before", async () => {
  const context = await chrome.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await tab(context, world.link(await world.token("grace", "approver")));
  await page.waitForURL(`${world.base}/`);
  await page.goto(`${world.base}/-/approvals`);
  await page.evaluate(() => (window.same = "page"));
  await page.getByRole("button", { name: "Approve" }).click();
  const dialog = page.getByRole("dialog");
  const reason = dialog.getByRole("textbox").first();
  await reason.fill("a long reason that nobody wants to type again");
  const revoked = await world.run("token", "revoke", "grace", "--reason", "left her desk");
  assert.equal(revoked.code, 0, revoked.said);
  await dialog.getByRole("button", { name: "Approve" }).click();
  await dialog.getByRole("alert").getByText("login-needed").waitFor();
  await dialog.getByText("staunch ui").first().waitFor();
  await page.getByText("The session of grace has ended").waitFor();
  assert.equal(await reason.inputValue(), "a long reason that nobody wants to type again");
  assert.deepEqual(await world.journal("approved"), []);

  // Another tab of the same browser signs in.
  const second = await tab(context, world.link(await world.token("grace", "approver")));
  await second.waitForURL(`${world.base}/`);
  await page.bringToFront();
  await dialog.getByRole("button", { name: "Approve" }).click();
  await dialog.waitFor({ state: "hidden" });
  await page.getByText("The session of grace has ended").waitFor({ state: "hidden" });
  const entry = await until("the word in the journal", async () => (await world.journal("approved"))[0]);
  assert.equal(entry.actor, "grace");
  assert.match(JSON.stringify(entry.body), /nobody wants to type again/);
  assert.equal(await page.evaluate(() => window.same), "page", "it was not loaded again");
  assert.deepEqual(own(page), []);
  await context.close();
});

test("a session that runs out is told without anything being done", async () => {
  const context = await chrome.newContext();
  const page = await tab(context, world.link(await world.token("visitor", "deployer", "--expires", "1m")));
  await page.waitForURL(`${world.base}/`);
  await page.locator("[data-find]").first().fill("sho");
  await page.getByText("The session of visitor has ended").waitFor({ timeout: 90_000 });
  // What can be looked at goes on.
  await page.getByText("live", { exact: true }).waitFor();
  assert.equal(await page.locator("[data-find]").first().inputValue(), "sho");
  assert.deepEqual(own(page), []);
  await context.close();
});
