import { deviceCases } from "./support/devices";
import { operationSuite } from "./tables/operation-suite";

for (const deviceCase of deviceCases) operationSuite(deviceCase);
