// A control plane of its own with real processes, requests, and a browser beside it.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync, existsSync } from "node:fs";
import { Agent, request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
export const binary = process.env.STAUNCH ?? join(target, "release/staunch");
export const pictures = join(target, "screenshots");
mkdirSync(pictures, { recursive: true });

const PATIENCE = 30_000;
export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits for a condition with a bound; says what was seen last when it does not come. */
export async function until(what, look, patience = PATIENCE) {
  const end = Date.now() + patience;
  let seen;
  do {
    try {
      seen = await look();
      if (seen) return seen;
    } catch (error) {
      seen = error;
    }
    await pause(50);
  } while (Date.now() < end);
  throw new Error(`not within ${patience} ms: ${what}; last: ${String(seen?.stack ?? JSON.stringify(seen)).slice(0, 600)}`);
}

export const freePort = () =>
  new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });

/** Presses Tab until something has the focus, as who has no mouse does. */
export async function tabTo(page, locator) {
  for (let n = 0; n < 80; n++) {
    if (await locator.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not come to ${locator}`);
}

/** Users: so many requests a second to an address, until stopped. */
function users(port, perSecond, { path: only, headers = {} } = {}) {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const paths = ["/", "/products", "/cart", "/checkout"];
  let sent = 0;
  const timer = setInterval(() => {
    for (let n = 0; n < perSecond / 20; n++) {
      const path = only ?? paths[sent++ % paths.length];
      const one = request({ host: "127.0.0.1", port, path, agent, method: path === "/checkout" ? "POST" : "GET", headers: { "user-agent": "<b>users</b>", ...headers } }, (response) => response.resume());
      one.on("error", () => {});
      one.end();
    }
  }, 50);
  return () => {
    clearInterval(timer);
    agent.destroy();
  };
}

export class World {
  #control = null;
  #stops = [];

  /** `draft` describes both services, see {@link World.write}. */
  static async raise(draft = {}) {
    const world = new World();
    world.dir = mkdtempSync(join(tmpdir(), "staunch-page-"));
    world.ports = { api: await freePort(), shop: await freePort(), blog: await freePort() };
    for (const [name, text] of Object.entries(draft.files ?? {})) writeFileSync(join(world.dir, name), text);
    world.write(draft);
    world.start();
    try {
      // Control takes the next port when somebody was faster, and says so here.
      world.base = await until("control says where it is", () => JSON.parse(readFileSync(join(world.dir, "data/run/control.json"), "utf8")).api);
      await world.healthy("shop");
      await world.healthy("blog");
    } catch (error) {
      await world.strike();
      throw new Error(`${error.message}\n${world.told}`);
    }
    return world;
  }

  write(draft = {}) {
    const service = (name, { version = "v1", fails = 0, says = "", more = "" } = {}) => `
[services.${name}]
run = ["node", ${JSON.stringify(join(here, "app.mjs"))}]
listen = "127.0.0.1:${this.ports[name]}"
version = ${JSON.stringify(version)}
env = { VERSION = ${JSON.stringify(version)}, FAILS = "${fails}", SAYS = ${JSON.stringify(says)} }
[services.${name}.health]
path = "/healthz"
[services.${name}.canary]
steps = ${JSON.stringify(draft.steps ?? [25, 100])}
hold = "${draft.hold ?? "0s"}"
bake = "1s"
[services.${name}.gates]
error-rate = { max = "10%" }
latency-p95 = { max = "2s" }
[services.${name}.evidence]
warm-up = "0s"
[services.${name}.slo]
target = "99%"
window = "1d"
${more}`;
    writeFileSync(join(this.dir, "staunch.toml"), `api = "127.0.0.1:${this.ports.api}"\n${service("shop", draft.shop)}${service("blog", draft.blog)}\n${draft.policy ?? ""}\n`);
  }

  #args() {
    return ["--file", join(this.dir, "staunch.toml"), "--data", join(this.dir, "data")];
  }

  start() {
    this.#control = spawn(binary, [...this.#args(), "--progress", "plain", "up"], { cwd: this.dir, stdio: ["ignore", "pipe", "pipe"] });
    this.told = "";
    this.#control.stdout.on("data", (text) => (this.told += text));
    this.#control.stderr.on("data", (text) => (this.told += text));
  }

  /** Control alone dies; keeper, edge and services go on. */
  async kill() {
    const dying = this.#control;
    const gone = new Promise((done) => dying.once("exit", done));
    dying.kill("SIGKILL");
    await gone;
  }

  /** Runs a verb to its end; what it says and its exit code. */
  run(...words) {
    return new Promise((done) => {
      const child = spawn(binary, [...this.#args(), "--progress", "plain", ...words], { cwd: this.dir, stdio: ["ignore", "pipe", "pipe"] });
      let said = "";
      child.stdout.on("data", (text) => (said += text));
      child.stderr.on("data", (text) => (said += text));
      child.once("exit", (code) => done({ code, said }));
    });
  }

  /** A token's secret. */
  async token(name, role, ...more) {
    const { said } = await this.run("token", "create", name, "--role", role, ...more);
    const secret = said.match(/stn_\S+/)?.[0];
    if (!secret) throw new Error(said);
    return secret;
  }

  /** A link that signs a browser in as who has this token. */
  link(secret) {
    return execFileSync(binary, ["ui", "--print", "--server", this.base], { encoding: "utf8", env: { ...process.env, STAUNCH_TOKEN: secret } }).trim();
  }

  /** Entries of the journal of this kind, as they were exported. */
  async journal(kind) {
    const { said } = await this.run("audit", "export");
    return said.split("\n").filter((line) => line.includes(`"kind":"${kind}"`)).map((line) => JSON.parse(line));
  }

  /** `sending` is a path and headers of its own. */
  load(service, perSecond = 200, sending = {}) {
    const stop = users(this.ports[service], perSecond, sending);
    this.#stops.push(stop);
    return stop;
  }

  async get(path) {
    const response = await fetch(this.base + path, { headers: { accept: "application/json" } });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  async post(path, body = {}) {
    const response = await fetch(this.base + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    return { status: response.status, body: await response.json() };
  }

  healthy(service) {
    return until(`${service} is healthy`, async () => {
      const view = await this.get(`/api/v1/services/${service}`);
      return view.health === "healthy" && !view.rollout?.active;
    });
  }

  /** The number of the rollout that was started; one that a test left behind is taken back before. */
  async deploy(service, reason = "") {
    const { rollout } = await this.get(`/api/v1/services/${service}`);
    if (rollout?.active) {
      await this.post(`/api/v1/rollouts/${rollout.id}/abort`, { reason: "left behind" });
      await this.phase(rollout.id, "rolled-back", "succeeded");
    }
    const { status, body } = await this.post(`/api/v1/services/${service}/rollouts`, { reason });
    if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body.rollout;
  }

  phase(id, ...wanted) {
    return until(`rollout ${id} is ${wanted}`, async () => wanted.includes((await this.get(`/api/v1/rollouts/${id}`)).phase), 3 * PATIENCE);
  }

  async strike() {
    this.#stops.forEach((stop) => stop());
    if (this.#control.exitCode === null && this.#control.signalCode === null) {
      const gone = new Promise((done) => this.#control.once("exit", done));
      this.#control.kill("SIGTERM");
      await gone;
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** `staunch demo`, with its page's address. */
export async function demo() {
  const child = spawn(binary, ["demo", "--progress", "plain"], { stdio: ["pipe", "pipe", "pipe"] });
  let told = "";
  child.stdout.on("data", (text) => (told += text));
  child.stderr.on("data", (text) => (told += text));
  const base = await until("the demo says where its page is", () => /page (http:\/\/[^/\s]+)/.exec(told)?.[1]);
  return {
    base,
    told: () => told,
    key: (key) => child.stdin.write(`${key}\n`),
    end: async () => {
      const gone = new Promise((done) => child.once("exit", done));
      child.stdin.end("q\n");
      await gone;
    },
  };
}

const PROGRAMS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** `more` are switches of Chromium. */
export async function browser(more = []) {
  const executablePath = process.env.CHROMIUM ?? PROGRAMS.find(existsSync);
  if (!executablePath) throw new Error("no Chromium: `cargo xtask setup` installs it");
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb", ...more] });
}

/** A tab that keeps what went wrong in it. */
export async function tab(context, address) {
  const page = await context.newPage();
  page.faults = [];
  page.on("console", (message) => {
    // A refused connection while control is away is told by the browser itself, not by the page.
    if (["error", "warning"].includes(message.type()) && !/ERR_(CONNECTION|EMPTY|INCOMPLETE)|Failed to load resource: net/.test(message.text())) page.faults.push(`${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("dialog", (dialog) => {
    page.faults.push(`a dialog opened: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(address);
  await page.locator("h1").waitFor();
  return page;
}

const axe = readFileSync(join(here, "../node_modules/axe-core/axe.min.js"), "utf8");

/** What axe has against the page. The script comes in beside the page's policy, as a person's extension would. */
export async function barriers(page) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join(" | ")}`);
}
