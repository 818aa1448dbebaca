// Writes the compiled kernels into a TypeScript module, as base64: the one form that Node, browsers,
// Vite, webpack and esbuild all load without a loader or an extra request. Run in a package's folder.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

const builds = {
  simdModuleBase64: "Kernels for baseline SIMD.",
  relaxedModuleBase64: "Kernels with the multiply-add of relaxed SIMD.",
};

const constants = Object.entries(builds).flatMap(([name, description]) => {
  const file = `build/kernels.${name.replace("ModuleBase64", "")}.wasm`;
  if (!existsSync(file)) return [];
  const base64 = readFileSync(file).toString("base64");
  return [`/** ${description} */\nexport const ${name}: string =\n  "${base64}";\n`];
});

mkdirSync("src/generated", { recursive: true });
writeFileSync("src/generated/kernels.ts", constants.join("\n"));
