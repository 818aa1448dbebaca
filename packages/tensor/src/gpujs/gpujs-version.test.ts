import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { gpujsVersion } from "./gpujs-version";

it("names the gpu.js that is bundled", () => {
  const { version } = createRequire(import.meta.url)("gpu.js/package.json");
  expect(gpujsVersion).toBe(version);
  const bundle = readFileSync(new URL("../../dist/gpujs.js", import.meta.url), "utf8");
  expect(bundle.slice(0, 100)).toContain(`gpu.js ${version} `);
});
