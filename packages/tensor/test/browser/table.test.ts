import { gpuCases } from "../support/devices";
import { tableSuite } from "../tables/table-suite";

// The devices that Node has are proved there.
for (const deviceCase of gpuCases) tableSuite(deviceCase);
