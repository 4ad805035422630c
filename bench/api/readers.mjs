// Readers of a stream that stay until they are ended, and then tell what they read: readers.mjs BASE PATH COUNT
import { get } from "node:http";

const [base, path, count] = process.argv.slice(2);
let [open, bytes, ended] = [0, 0, 0];
for (let reader = 0; reader < Number(count); reader++) {
  get(base + path, { agent: false, headers: { accept: "text/event-stream" } }, (answer) => {
    if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode}`);
    open++;
    answer.on("data", (part) => (bytes += part.length));
    answer.on("close", () => ended++);
  });
}
process.on("SIGTERM", () => {
  console.log(JSON.stringify({ open, bytes, ended }));
  process.exit(0);
});
