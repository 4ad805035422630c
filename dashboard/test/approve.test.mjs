// What the first asked for on the command line, a second person approves on the page.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { World, binary, browser, tab, until } from "./rig.mjs";

const POLICY = `[policy]\napprovals = { count = 1, from = ["grace"] }`;

test("a second person signs in by a link and approves; the journal says who and why", async () => {
  const [world, chrome] = await Promise.all([World.raise(), browser()]);
  try {
    world.write({ shop: { version: "v2" }, policy: POLICY });
    const asked = await world.run("--as", "ada", "deploy", "shop", "--reason", "a new checkout");
    assert.equal(asked.code, 13, asked.said);

    const created = await world.run("token", "create", "grace", "--role", "approver");
    const secret = created.said.match(/stn_\S+/)[0];
    const link = execFileSync(binary, ["ui", "--print", "--server", world.base], { encoding: "utf8", env: { ...process.env, STAUNCH_TOKEN: secret } }).trim();
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

    const entry = await until("the word in the journal", async () => {
      const { said } = await world.run("audit", "export");
      return said.split("\n").find((line) => line.includes('"kind":"approved"'));
    });
    const { actor, body } = JSON.parse(entry);
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
