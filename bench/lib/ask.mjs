// Asking a server: one connection that is kept, the time of each answer, and figures of many.
import { Agent, request } from "node:http";

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Asker {
  #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  /** `base` is an address, or `{ socketPath }`. */
  constructor(base) {
    this.#to = typeof base === "string" ? { host: new URL(base).hostname, port: new URL(base).port } : { ...base, host: "localhost" };
  }
  #to;

  /** Status, body, and milliseconds from asking to the last byte. */
  ask(path, { method = "GET", headers = {}, body } = {}) {
    const begun = performance.now();
    return new Promise((done, fail) => {
      const asked = request({ ...this.#to, path, method, agent: this.#agent, headers: { accept: "application/json", ...headers } }, (answer) => {
        const parts = [];
        answer.on("data", (part) => parts.push(part));
        answer.on("end", () => done({ status: answer.statusCode, body: Buffer.concat(parts), ms: performance.now() - begun }));
        answer.on("error", fail);
      });
      asked.on("error", fail);
      asked.end(body);
    });
  }

  async json(path, options) {
    const { status, body } = await this.ask(path, options);
    if (status >= 300) throw new Error(`${path}: ${status} ${body}`);
    return JSON.parse(body);
  }

  post(path, body = {}) {
    return this.json(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  }

  close() {
    this.#agent.destroy();
  }
}

/** The value below which this share of all is. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** A line of JSON for the table: median, nine in ten and all, rounded. */
export function tell(what, values, more = {}) {
  const round = (value) => Math.round(value * 10) / 10;
  const figures = { p50: round(quantile(values, 0.5)), p95: round(quantile(values, 0.95)), most: round(Math.max(...values)), of: values.length };
  console.log(JSON.stringify({ what, ...figures, ...more }));
}
