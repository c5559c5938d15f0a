// Bundles src/ into ../static: diffusion.js (the widget), diffusion.css, and webgl.js, which the widget asks for when it is chosen.
// Each begins with the digest of everything it was made of; a test holds it against the sources (analysis/ui/graph/bundle.py).
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "..", "static");

function digest() {
  const names = ["build.mjs", "package-lock.json", "package.json", "tsconfig.json"];
  names.push(...readdirSync(join(here, "src")).map((name) => `src/${name}`));
  const hash = createHash("sha256");
  for (const name of names.sort()) {
    const bytes = readFileSync(join(here, name));
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

const banner = `/* sources sha256:${digest()} */`;
const shared = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "eof",
  banner: { js: banner, css: banner },
  logLevel: "warning",
};
const made = await build({ ...shared, metafile: true, entryPoints: { diffusion: "src/index.ts", webgl: "src/webgl.ts" }, outdir: out });
await build({ ...shared, entryPoints: { diffusion: "src/style.css" }, outdir: out });

// What is bundled keeps its licence.
const packages = new Set(
  Object.keys(made.metafile.inputs).flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
);
const notices = [...packages].sort().map((name) => {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.(md|txt))?$/i.test(entry));
  const text = file ? readFileSync(join(folder, file), "utf8").trim() : `(no licence file; package.json says ${license})`;
  return `${name} ${version} (${license})\n\n${text.replace(/[ \t\r]+$/gm, "")}\n`;
});
writeFileSync(join(out, "webgl.licenses.txt"), `webgl.js contains:\n\n${notices.join(`\n${"-".repeat(80)}\n\n`)}`);
