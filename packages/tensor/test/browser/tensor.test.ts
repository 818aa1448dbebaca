import { gpuCases } from "../support/devices";
import { tensorSuite } from "../tables/tensor-suite";

for (const deviceCase of gpuCases) tensorSuite(deviceCase);
