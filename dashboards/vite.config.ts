import { defineConfig, type Plugin } from "vite";

// The api sends the same policy as a header; the tag keeps a page safe that somebody else serves from disk.
// frame-ancestors only works in the header.
const policy = [
  "default-src 'none'",
  "script-src 'self'",
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

const api = process.env.TRACKSEAL_API ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "./",
  plugins: [contentSecurityPolicy],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // data: URLs would need a wider policy
    reportCompressedSize: true,
  },
  server: { proxy: { "/v1": api, "/oauth2": api } },
});
