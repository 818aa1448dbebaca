import torchUrl from "../fixtures/torch-tensor.safetensors?url";
import { deviceCases } from "../support/devices";
import { parseSafetensors } from "../support/parse-safetensors";
import { torchSuite } from "../tables/torch-suite";

const torch = parseSafetensors(new Uint8Array(await (await fetch(torchUrl)).arrayBuffer()));

for (const deviceCase of deviceCases) torchSuite(deviceCase, torch);
