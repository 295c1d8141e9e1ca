import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The server that answers while pages are developed: `switchboard serve --demo`. */
const server = process.env.SWITCHBOARD_URL ?? "http://127.0.0.1:8080";
const served = ["/api", "/v1", "/ops", "/healthz", "/readyz"];

export default defineConfig({
  plugins: [react()],
  resolve: {
    alias: {
      "@switchboard/client": fileURLToPath(new URL("../clients/typescript/src/index.ts", import.meta.url)),
    },
  },
  build: {
    target: "es2022",
    // The content security policy refuses data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    // Read by scripts/sizes.mjs, which removes it.
    manifest: true,
    chunkSizeWarningLimit: 700,
  },
  server: {
    fs: { allow: [".."] },
    proxy: Object.fromEntries(served.map((path) => [path, { target: server, ws: true, changeOrigin: true }])),
  },
});
