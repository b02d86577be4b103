// Builds the page and the report: `node scripts/build.mjs [folder]`. The configuration is here and not in a file, since reading one
// would write into node_modules.

import { createHash } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { build } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const out = resolve(process.argv[2] ?? join(root, "dist"));
const plain = { root, configFile: false, logLevel: "warn", base: "./" };
const target = "es2022";

await build({
  ...plain,
  plugins: [react()],
  // Nothing may be inlined into the page: its policy allows only files of the same origin.
  build: { outDir: out, emptyOutDir: true, target, assetsInlineLimit: 0, modulePreload: { polyfill: false }, rolldownOptions: { input: join(root, "index.html") } },
});
const reportOut = join(out, "report-build");
await build({
  ...plain,
  plugins: [react(), viteSingleFile()],
  build: { outDir: reportOut, emptyOutDir: true, target, modulePreload: { polyfill: false }, rolldownOptions: { input: join(root, "report.html") } },
});
writeFileSync(join(reportOut, "report.html"), withPolicy(readFileSync(join(reportOut, "report.html"), "utf8")));
renameSync(join(reportOut, "report.html"), join(out, "report.html"));
rmSync(reportOut, { recursive: true });

/** The report's own policy: exactly its own script and style may run, and nothing may be loaded. */
function withPolicy(html) {
  const hashes = (tag) => [...html.matchAll(new RegExp(`<${tag}(?![^>]*application/json)[^>]*>([\\s\\S]*?)</${tag}>`, "g"))]
    .map((match) => `'sha256-${createHash("sha256").update(match[1]).digest("base64")}'`);
  const policy = `default-src 'none'; script-src ${hashes("script").join(" ")}; style-src ${hashes("style").join(" ")}; img-src data:; base-uri 'none'; form-action 'none'`;
  return html.replace("<head>", () => `<head>\n    <meta http-equiv="Content-Security-Policy" content="${policy}" />`);
}
