/** Bundles the front end: `node build.mjs OUT`. Hashed names and a manifest; refuses more than 30 KB of JavaScript, gzipped. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const MOST_SCRIPT_BYTES = 30 * 1024;
const out = path.resolve(process.argv[2] ?? "dist");
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const { metafile } = await build({
  entryPoints: ["src/main.ts", "src/theme.ts", "src/styles/app.css"],
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome117", "firefox121", "safari17.4"],
  outdir: out,
  entryNames: "[name]-[hash]",
  metafile: true,
  legalComments: "linked",
  logLevel: "warning",
});

const manifest = {};
for (const [file, { entryPoint }] of Object.entries(metafile.outputs)) {
  if (entryPoint) manifest[path.basename(entryPoint)] = path.basename(file);
}
const icon = readFileSync("src/icon.svg");
manifest["icon.svg"] = `icon-${createHash("sha256").update(icon).digest("hex").slice(0, 8)}.svg`;
writeFileSync(path.join(out, manifest["icon.svg"]), icon);
writeFileSync(path.join(out, "manifest.json"), JSON.stringify(manifest));

let scripts = 0;
for (const name of Object.values(manifest)) {
  const size = gzipSync(readFileSync(path.join(out, name)), { level: 9 }).length;
  if (name.endsWith(".js")) scripts += size;
  console.log(`${name}: ${size} bytes gzipped`);
}
console.log(`all JavaScript: ${scripts} of ${MOST_SCRIPT_BYTES} bytes`);
if (scripts > MOST_SCRIPT_BYTES) {
  console.error("too much JavaScript for one page load: make it smaller, or load a part of it lazily");
  process.exit(1);
}
