import quantBlocksUrl from "../fixtures/quant-blocks.safetensors?url";
import torchOpsUrl from "../fixtures/torch-ops.safetensors?url";
import { deviceCases } from "../support/devices";
import { parseSafetensors } from "../support/parse-safetensors";
import { oracleSuite } from "../tables/oracle-suite";

const fixture = async (url: string) =>
  parseSafetensors(new Uint8Array(await (await fetch(url)).arrayBuffer()));
const fixtures = { torch: await fixture(torchOpsUrl), gguf: await fixture(quantBlocksUrl) };

for (const deviceCase of deviceCases) oracleSuite(deviceCase, fixtures);
