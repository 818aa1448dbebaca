import { gpuCases } from "../support/devices";
import { arithmeticSuite } from "../tables/arithmetic-suite";

for (const deviceCase of gpuCases) arithmeticSuite(deviceCase);
