// So many connections at once, each with a request, all kept open: what each was told, and what others got meanwhile.
// crowd.mjs BASE SOCKET COUNT
import { connect } from "node:net";
import { Asker, pause, tell } from "../lib/ask.mjs";

const [base, socketPath, count] = process.argv.slice(2);
const { hostname, port, host } = new URL(base);
const told = { answered: 0, refused: 0, closed: 0, failed: 0, silent: 0 };
/** Longer than any answer may take. */
const PATIENCE = 20_000;

function one() {
  return new Promise((done) => {
    const socket = connect(Number(port), hostname);
    let heard = "";
    const end = (kind) => {
      if (kind && !socket.counted) {
        socket.counted = true;
        told[kind]++;
      }
      done(socket);
    };
    const timer = setTimeout(() => end("silent"), PATIENCE);
    socket.on("connect", () => socket.write(`GET /api/v1/meta HTTP/1.1\r\nhost: ${host}\r\n\r\n`));
    socket.on("data", (part) => {
      heard += part;
      if (!/^HTTP\/1.1 \d+/.test(heard)) return;
      clearTimeout(timer);
      end(heard.startsWith("HTTP/1.1 200") ? "answered" : heard.includes("too-many-connections") ? "refused" : "failed");
    });
    socket.on("error", () => end("closed"));
    socket.on("close", () => {
      clearTimeout(timer);
      end("closed");
    });
  });
}

const others = new Asker({ socketPath });
const meanwhile = [];
let crowded = true;
const watching = (async () => {
  while (crowded) {
    const answer = await others.ask("/api/v1/services");
    if (answer.status !== 200) throw new Error(`the unix socket answers ${answer.status}`);
    meanwhile.push(answer.ms);
    await pause(20);
  }
})();
const sockets = await Promise.all(Array.from({ length: Number(count) }, one));
const open = sockets.filter((socket) => !socket.destroyed && socket.readyState === "open").length;
crowded = false;
await watching;
sockets.forEach((socket) => socket.destroy());
tell("others", meanwhile, { ...told, open });
// And when they have gone, there is room again.
const after = new Asker(base);
let first;
const gone = performance.now();
do {
  first = await after.ask("/api/v1/meta").catch(() => ({ status: 0 }));
  if (first.status !== 200) await pause(20);
} while (first.status !== 200 && performance.now() - gone < PATIENCE);
tell("room again", [performance.now() - gone], { status: first.status });
after.close();
others.close();
