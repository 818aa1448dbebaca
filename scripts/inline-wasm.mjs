// Writes the compiled kernels into a TypeScript module, as base64: the one form that Node, browsers,
// Vite, webpack and esbuild all load without a loader or an extra request. Run in a package's folder.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

const builds = {
  simdModuleBase64: "Kernels for baseline SIMD.",
  relaxedModuleBase64: "Kernels with the multiply-add of relaxed SIMD.",
};

const dataSection = 11;

/**
 * Modules of several packages share one memory, in which nobody reserves a place for static data: it
 * would overwrite tensors.
 */
function assertNoStaticData(file, bytes) {
  let at = 8;
  while (at < bytes.length) {
    if (bytes[at] === dataSection) {
      throw new Error(`${file} holds static data; compute tables or take them as arguments`);
    }
    let size = 0;
    let shift = 0;
    do {
      at++;
      size += (bytes[at] & 127) * 2 ** shift;
      shift += 7;
    } while (bytes[at] > 127);
    at += 1 + size;
  }
}

const constants = Object.entries(builds).flatMap(([name, description]) => {
  const build = name.replace("ModuleBase64", "");
  const file = `build/kernels.${build}.wasm`;
  if (!existsSync(file)) return [];
  const bytes = readFileSync(file);
  assertNoStaticData(file, bytes);
  const base64 = bytes.toString("base64");
  return [`/** ${description} */\nexport const ${name}: string =\n  "${base64}";\n`];
});

mkdirSync("src/generated", { recursive: true });
writeFileSync("src/generated/kernels.ts", constants.join("\n"));

// A build that counts goes to a file of its own, so that nobody bundles it by accident.
const instrumented = "build/kernels.instrumented.wasm";
if (existsSync(instrumented)) {
  const bytes = readFileSync(instrumented);
  assertNoStaticData(instrumented, bytes);
  writeFileSync(
    "src/generated/instrumented.ts",
    `/** Kernels for baseline SIMD that count loads and stores. */\nexport const instrumentedModuleBase64: string =\n  "${bytes.toString("base64")}";\n`,
  );
}
