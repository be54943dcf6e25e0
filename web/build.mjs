// Bundles the dashboard into dist/: index.html, one script, one style sheet, the icon. Fails when
// the compressed page is larger than its budget.
import { build } from "esbuild";
import { cp, mkdir, readFile, readdir, rm, stat } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const kGzipBytesMax = 110 * 1024;

await rm("dist", { recursive: true, force: true });
await mkdir("dist/assets", { recursive: true });
await build({
  entryPoints: { app: "src/ui/main.ts", style: "src/style.css" },
  outdir: "dist/assets",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "eof",
  logLevel: "warning",
});
await cp("src/index.html", "dist/index.html");
await cp("src/icon.svg", "dist/assets/icon.svg");

let total = 0;
for (const name of ["index.html", ...(await readdir("dist/assets")).map((n) => `assets/${n}`)]) {
  const bytes = (await stat(`dist/${name}`)).size;
  const packed = gzipSync(await readFile(`dist/${name}`), { level: 9 }).length;
  total += packed;
  console.log(`${name.padEnd(24)} ${String(bytes).padStart(8)} bytes, ${packed} compressed`);
}
if (total > kGzipBytesMax) {
  console.error(`The page is ${total} bytes compressed; its budget is ${kGzipBytesMax}.`);
  process.exit(1);
}
