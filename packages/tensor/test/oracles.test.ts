import { readFileSync } from "node:fs";
import { deviceCases } from "./support/devices";
import { parseSafetensors } from "./support/parse-safetensors";
import { oracleSuite } from "./tables/oracle-suite";

const fixture = (name: string) =>
  parseSafetensors(readFileSync(new URL(`./fixtures/${name}.safetensors`, import.meta.url)));
const fixtures = { torch: fixture("torch-ops"), gguf: fixture("quant-blocks") };

for (const deviceCase of deviceCases) oracleSuite(deviceCase, fixtures);
