import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const root = new URL("../", import.meta.url);

/** Source files of what is published. */
const sources = readdirSync(new URL("src/", root), { recursive: true, encoding: "utf8" }).filter(
  (path) => path.endsWith(".ts") && !path.endsWith(".test.ts"),
);

it("depends on nothing, not even on Node", () => {
  const manifest = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
  expect(manifest).not.toHaveProperty("dependencies");
  expect(manifest).not.toHaveProperty("peerDependencies");
  expect(sources.length).toBeGreaterThan(20);
  for (const path of sources) {
    const source = readFileSync(new URL(`src/${path}`, root), "utf8");
    const imported = [...source.matchAll(/(?:from|import|require)\s*\(?\s*"([^"]+)"/g)];
    for (const [, specifier] of imported) expect(specifier, path).toMatch(/^\.\.?\//);
    expect(source, path).not.toMatch(/\b(?:process|Buffer|__dirname|globalThis\.require)\b/);
  }
});
