// A service to be judged: fails a share of its requests, and writes what would be markup if a page let it.
import { createServer } from "node:http";

const fails = Number(process.env.FAILS ?? 0);
const say = process.env.SAYS ?? "";
createServer((request, response) => {
  if (request.url === "/healthz") return response.end("ok");
  if (Math.random() < fails) {
    if (say) console.log(say);
    response.statusCode = 500;
    return response.end("broken");
  }
  response.end("fine");
}).listen(Number(process.env.PORT), "127.0.0.1", () => console.log(`listening ${say}`));
