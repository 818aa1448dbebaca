import digitsUrl from "../fixtures/torch-digits.safetensors?url";
import { deviceCases } from "../support/devices";
import { parseSafetensors } from "../support/parse-safetensors";
import { digitsSuite } from "../tables/digits-suite";

const fixture = parseSafetensors(new Uint8Array(await (await fetch(digitsUrl)).arrayBuffer()));

for (const deviceCase of deviceCases) digitsSuite(deviceCase, fixture);
