// Every page in both themes and four widths: whole, legible, and nothing to the side.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { World, barriers, browser, pictures, tab, until } from "./rig.mjs";

const WIDTHS = [320, 768, 1280, 1600];
/** Widths of which a picture is kept. */
const SEEN = [320, 1280];
const THEMES = ["light", "dark"];
let world, chrome, context, running;

before(async () => {
  [world, chrome] = await Promise.all([World.raise(), browser()]);
  context = await chrome.newContext();
  world.load("shop");
  world.load("blog", 60);
  world.write({ shop: { version: "v2" } });
  await world.phase(await world.deploy("shop", "a better shop"), "succeeded");
  world.write({ shop: { version: "v3", fails: 0.3, says: "panicked at src/checkout.rs:88" } });
  await world.phase(await world.deploy("shop", "a new checkout"), "rolled-back");
  world.write({ shop: { version: "v4" }, steps: [10, 50, 100], hold: "10m" });
  running = await world.deploy("shop", "mended");
  await world.phase(running, "progressing");
  await until("the canary has requests", async () => (await world.get(`/api/v1/rollouts/${running}/samples`)).points.length > 4);
  world.write({ shop: { version: "v4" }, blog: { version: "v2" }, steps: [10, 50, 100], hold: "10m", policy: '[policy]\napprovals = { count = 1, from = ["ann"] }' });
  const asked = await world.post("/api/v1/services/blog/rollouts", { reason: "a new look" });
  assert.equal(asked.body.code, "approval-needed", JSON.stringify(asked.body));
  await world.post("/api/v1/services/blog/freeze", { reason: "the fair" });
});
after(async () => {
  await chrome?.close();
  await world?.strike();
});

const PAGES = {
  services: "/", service: "/shop", compare: "/shop?compare=3,4", "rolled-back": "/shop/4", promoted: "/shop/3", running: "/shop/5",
  "first-rollout": "/blog/1", approvals: "/-/approvals", budgets: "/-/budgets", guards: "/-/guards", audit: "/-/audit", missing: "/nobody",
};

for (const [name, path] of Object.entries(PAGES)) {
  test(`the page ${name} is whole in every theme and width`, async () => {
    const page = await tab(context, world.base + path);
    // Charts and lists have come.
    await page.locator("main .card").first().waitFor();
    await until("the page has settled", async () => (await page.locator(".waiting, .loading").count()) === 0);
    for (const colorScheme of THEMES) {
      await page.emulateMedia({ colorScheme });
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(sideways, 0, `${width} px scrolls sideways by ${sideways}`);
        assert.deepEqual(await barriers(page), [], `${colorScheme}, ${width} px`);
        if (SEEN.includes(width)) await page.screenshot({ path: join(pictures, `${name}-${colorScheme}-${width}.png`), fullPage: true });
      }
    }
    const expected = name === "missing" ? [/404/] : [];
    assert.deepEqual(page.faults.filter((fault) => !expected.some((one) => one.test(fault))), []);
    await page.close();
  });
}
