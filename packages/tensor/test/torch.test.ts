import { deviceCases } from "./support/devices";
import { readFixture } from "./support/read-fixture";
import { torchSuite } from "./tables/torch-suite";

const torch = readFixture("torch-tensor");

for (const deviceCase of deviceCases) torchSuite(deviceCase, torch);
