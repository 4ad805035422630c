// What the first asked for on the command line, a second person approves on the page.
import assert from "node:assert/strict";
import { test } from "node:test";
import { World, browser, tab, tabTo, until } from "./rig.mjs";

const POLICY = `[policy]\napprovals = { count = 1, from = ["grace"] }`;

test("a second person signs in by a link and approves; the journal says who and why", async () => {
  const [world, chrome] = await Promise.all([World.raise(), browser()]);
  try {
    world.write({ shop: { version: "v2" }, policy: POLICY });
    const asked = await world.run("--as", "ada", "deploy", "shop", "--reason", "a new checkout");
    assert.equal(asked.code, 13, asked.said);

    const link = world.link(await world.token("grace", "approver"));
    const context = await chrome.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await tab(context, link);
    await page.waitForURL(`${world.base}/`);
    const cookies = await context.cookies();
    assert.ok(cookies.every((cookie) => cookie.httpOnly && cookie.sameSite === "Strict"), JSON.stringify(cookies));

    await page.goto(`${world.base}/-/approvals`);
    await page.getByRole("button", { name: "Approve" }).first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox").first().fill("looked at the plan");
    await dialog.getByRole("button", { name: "Approve" }).click();
    await dialog.waitFor({ state: "hidden" });

    const { actor, body } = await until("the word in the journal", async () => (await world.journal("approved"))[0]);
    assert.equal(actor, "grace");
    assert.match(JSON.stringify(body), /looked at the plan/);
    const deployed = await world.run("--as", "ada", "deploy", "shop", "--until", "started");
    assert.equal(deployed.code, 0, deployed.said);

    // A link that was used lets nobody in again.
    const other = await tab(await chrome.newContext(), link);
    await other.getByText("used", { exact: false }).first().waitFor();
    assert.deepEqual(page.faults, []);
  } finally {
    await chrome.close();
    await world.strike();
  }
});

test("both answers are given without a mouse", async () => {
  const [world, chrome] = await Promise.all([World.raise(), browser()]);
  try {
    const page = await tab(await chrome.newContext({ viewport: { width: 1280, height: 900 } }), world.link(await world.token("grace", "approver")));
    await page.waitForURL(`${world.base}/`);
    const ask = async (version) => {
      world.write({ shop: { version }, policy: POLICY });
      const asked = await world.run("--as", "ada", "deploy", "shop", "--reason", `${version}, please`);
      assert.equal(asked.code, 13, asked.said);
    };
    const dialog = page.getByRole("dialog");
    await ask("v2");
    await page.keyboard.press("g");
    await page.keyboard.press("a");
    await page.getByText("v2, please").waitFor();
    await tabTo(page, page.getByRole("button", { name: "Reject" }));
    await page.keyboard.press("Enter");
    await dialog.waitFor();
    await page.keyboard.press("Enter");
    assert.ok(await dialog.isVisible(), "a no needs a reason");
    await page.keyboard.type("not on a Friday");
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "hidden" });
    const rejected = await until("the no in the journal", async () => (await world.journal("disapproved"))[0]);
    assert.equal(rejected.actor, "grace");
    assert.match(JSON.stringify(rejected.body), /not on a Friday/);
    // Where the focus was is where it is again.
    assert.notEqual(await page.evaluate(() => document.activeElement?.tagName), "DIALOG");

    await ask("v3");
    await page.getByText("v3, please").waitFor();
    await tabTo(page, page.getByRole("button", { name: "Approve" }));
    await page.keyboard.press("Enter");
    await dialog.waitFor();
    await page.keyboard.type("Monday is fine");
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "hidden" });
    const approved = await until("the yes in the journal", async () => (await world.journal("approved"))[0]);
    assert.match(JSON.stringify(approved.body), /Monday is fine/);
    assert.deepEqual(page.faults, []);
  } finally {
    await chrome.close();
    await world.strike();
  }
});
