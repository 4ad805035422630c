// People of a real OpenID provider sign in, act under their names, and sign out.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { join } from "node:path";
import { Provider } from "oidc-provider";
import { World, browser, freePort, pictures, tab, until } from "./rig.mjs";

const GROUPS = { grace: ["release-managers"], ada: ["dev"], bob: ["sales"] };

/** It signs in whoever gives a name, and knows each one's groups. */
function provider(port, redirect) {
  const issuer = `http://127.0.0.1:${port}`;
  const made = new Provider(issuer, {
    clients: [{ client_id: "staunch", client_secret: "s3:cret &", redirect_uris: [redirect] }],
    pkce: { required: () => true },
    claims: { email: ["email", "email_verified"], groups: ["groups"] },
    scopes: ["openid", "email", "groups"],
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, email: `${sub}@example.org`, email_verified: sub !== "mallory", groups: GROUPS[sub] ?? ["release-managers"] }) }),
  });
  return new Promise((done) => {
    const server = made.listen(port, "127.0.0.1", () => done({ issuer, close: () => server.close() }));
  });
}

const settings = (port) => `
[control.oidc]
issuer = "http://127.0.0.1:${port}"
client-id = "staunch"
client-secret-file = "oidc.secret"
scopes = ["email", "groups"]
[control.oidc.roles]
approver = ["release-managers"]
deployer = "dev"
`;

const APPROVALS = `
[policy]
approvals = { count = 1, from = ["grace@example.org"] }`;

/** From the page's link to where the provider sends the browser back. */
async function signIn(page, name) {
  await page.getByRole("link", { name: "Sign in" }).click();
  await page.locator("input[name=login]").fill(name);
  await page.locator("input[name=password]").fill("any");
  await page.locator("button[type=submit]").click();
  await page.getByText("Authorize", { exact: false }).first().waitFor();
  await page.locator("button[type=submit]").click();
}

test("people of a provider sign in with the role of their group, approve, and sign out", async () => {
  const port = await freePort();
  const [world, chrome] = await Promise.all([
    World.raise({ files: { "oidc.secret": "s3:cret &\n" }, policy: settings(port) }),
    browser(),
  ]);
  const issuer = await provider(port, `${world.base}/login/oidc/callback`);
  try {
    world.write({ shop: { version: "v2" }, policy: settings(port) + APPROVALS });
    const asked = await world.run("--as", "ada@example.org", "deploy", "shop", "--reason", "a new checkout");
    assert.equal(asked.code, 13, asked.said);

    const context = await chrome.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await tab(context, `${world.base}/-/approvals`);
    await page.screenshot({ path: join(pictures, "signed-out.png") });
    await signIn(page, "grace");
    await page.waitForURL(`${world.base}/-/approvals`);
    await page.getByText("grace@example.org", { exact: true }).waitFor();
    const cookies = (await context.cookies(world.base)).filter((cookie) => cookie.name.startsWith("staunch"));
    assert.deepEqual(cookies.map((cookie) => [cookie.httpOnly, cookie.sameSite]), [[true, "Strict"]], "the attempt's cookie is gone");

    await page.getByRole("button", { name: "Approve" }).first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox").first().fill("looked at the plan");
    await dialog.getByRole("button", { name: "Approve" }).click();
    await dialog.waitFor({ state: "hidden" });
    await page.screenshot({ path: join(pictures, "signed-in.png") });
    const entries = async () => (await world.run("audit", "export")).said.split("\n").filter(Boolean).map((line) => JSON.parse(line));
    const approved = await until("the word in the journal", async () => (await entries()).find((entry) => entry.kind === "approved"));
    assert.equal(approved.actor, "grace@example.org");
    const entered = (await entries()).find((entry) => entry.kind === "signed-in");
    assert.equal(entered.body.provider, issuer.issuer);

    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("link", { name: "Sign in" }).waitFor();
    assert.equal((await world.get("/api/v1/session")).via, "local");

    for (const [name, told] of [["bob", "none of your groups has a role here: sales"], ["mallory", "has not verified that mallory@example.org"]]) {
      const stranger = await tab(await chrome.newContext(), world.base);
      await signIn(stranger, name);
      await stranger.getByText(told, { exact: false }).waitFor();
      assert.match(stranger.url(), /\/login\/oidc$/);
    }
  } finally {
    await chrome.close();
    issuer.close();
    await world.strike();
  }
});
