import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** `/widget.js`: one file without imports, so that one script tag is enough. */
export default defineConfig({
  publicDir: false,
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: false,
    lib: {
      entry: fileURLToPath(new URL("../clients/typescript/src/widget/index.ts", import.meta.url)),
      formats: ["iife"],
      name: "SwitchboardWidget",
      fileName: () => "widget.js",
    },
  },
});
