import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Plugin, defineConfig } from "vitest/config";

const OUT = "../src/smartmask/studio/page";
// what the page is built from; tests/studio/test_page.py reads the same
const SOURCE = ["index.html", "package-lock.json", "package.json", "public", "src", "tsconfig.json", "vite.config.ts"];

function filesOf(path: string): string[] {
  return statSync(path).isDirectory() ? readdirSync(path).flatMap((name) => filesOf(join(path, name))) : [path];
}

/** Leaves a hash of the source beside the page, so that a page of another source is noticed without node. */
function sealed(): Plugin {
  return {
    name: "sealed",
    closeBundle() {
      const hash = createHash("sha256");
      for (const path of SOURCE.flatMap(filesOf).sort()) hash.update(path).update("\0").update(readFileSync(path)).update("\0");
      writeFileSync(join(OUT, "source.sha256"), `${hash.digest("hex")}\n`);
    },
  };
}

// The page is part of the Python package, so that nobody needs node to use it.
export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  plugins: [sealed()],
  build: { outDir: OUT, emptyOutDir: true, modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  server: { proxy: { "/v1": "http://127.0.0.1:8420", "/openapi.json": "http://127.0.0.1:8420" } },
  test: { include: ["test/**/*.test.ts"] },
});
