// The story of the demo, seen on its page alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { join } from "node:path";
import { browser, demo, pictures, tab } from "./rig.mjs";

test("a good release and a bad one are followed on the page", async () => {
  const [story, chrome] = await Promise.all([demo(), browser()]);
  try {
    const context = await chrome.newContext({ viewport: { width: 1280, height: 900 }, deviceScaleFactor: 1 });
    const page = await tab(context, `${story.base}/shop`);
    // The plan names v2 before there is a rollout to it.
    await page.locator("a[href='/shop/2']").first().waitFor({ timeout: 60_000 });
    await page.goto(`${story.base}/shop/2`);
    await page.getByRole("heading", { name: "Promoted", exact: true }).waitFor({ timeout: 120_000 });
    await page.getByRole("link", { name: "Services" }).click();
    await page.locator(".service a[href='/shop/3']").waitFor({ timeout: 120_000 });
    await page.locator(".service a[href='/shop/3']").click();
    await page.getByText("Why it was rolled back").waitFor({ timeout: 120_000 });
    await page.getByRole("rowheader", { name: "POST /checkout" }).first().waitFor();
    await page.locator("svg[aria-label^='Error rate']").waitFor();
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(pictures, `demo-${colorScheme}.png`) });
    }
    assert.deepEqual(page.faults, []);
  } finally {
    await chrome.close();
    await story.end();
  }
});
