// Builds `dist/` from `src/`. With --check it writes nothing and fails when what is committed is not what would be built.
import { build } from "esbuild";
import { gzipSync } from "node:zlib";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const checking = process.argv.includes("--check");
/** Gzipped bytes of script that a browser has to load at most. */
const BUDGET = 45_000;

const built = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.tsx" },
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  charset: "utf8",
  write: false,
  logLevel: "warning",
});

const files = built.outputFiles.map((file) => ({ name: file.path.slice(join(here, "dist/").length), bytes: Buffer.from(file.contents) }));
files.push({ name: "icon.svg", bytes: readFileSync(join(here, "src/icon.svg")) });

const script = files.find((file) => file.name === "app.js");
const size = gzipSync(script.bytes, { level: 9 }).length;
if (size > BUDGET) {
  console.error(`app.js is ${size} bytes gzipped, more than ${BUDGET}: leave something out`);
  process.exit(1);
}

const stale = files.filter(({ name, bytes }) => {
  const place = join(here, "dist", name);
  if (!checking) {
    writeFileSync(place, bytes);
    return false;
  }
  try {
    return !readFileSync(place).equals(bytes);
  } catch {
    return true;
  }
});
if (stale.length > 0) {
  console.error(`dist/${stale.map((file) => file.name).join(", dist/")}: not what src/ gives. Run \`npm run build\` in dashboard/ and commit it.`);
  process.exit(1);
}
console.log(`app.js ${script.bytes.length} bytes, ${size} gzipped (at most ${BUDGET})`);
