import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

// The api sends the same policy as a header; the tag keeps a page safe that somebody else serves from disk.
// frame-ancestors only works in the header.
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'", // the evidence verifier is WebAssembly
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const contentSecurityPolicy: Plugin = {
  name: "content-security-policy",
  apply: "build", // the dev server injects inline styles
  transformIndexHtml: () => [
    { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: policy }, injectTo: "head-prepend" },
  ],
};

// The api sends these instead of the plain files to whoever takes them. Fonts are packed already.
const packed: Plugin = {
  name: "packed",
  apply: "build",
  async writeBundle(options) {
    const folder = join(options.dir!, "assets");
    for (const name of await readdir(folder)) {
      if (!/\.(js|css|wasm)$/.test(name)) continue;
      const plain = await readFile(join(folder, name));
      const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } };
      await writeFile(join(folder, `${name}.gz`), await promisify(gzip)(plain, { level: 9 }));
      await writeFile(join(folder, `${name}.br`), await promisify(brotliCompress)(plain, brotli));
    }
  },
};

const api = process.env.TRACKSEAL_API ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "./",
  plugins: [contentSecurityPolicy, packed],
  worker: { format: "es" },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // data: URLs would need a wider policy
    reportCompressedSize: true,
  },
  server: { proxy: { "/v1": api, "/oauth2": api } },
});
