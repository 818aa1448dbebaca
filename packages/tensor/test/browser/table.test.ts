import { gpuCases, hostCases } from "../support/devices";
import { tableSuite } from "../tables/table-suite";

// The others are proved in Node, which has no relaxed SIMD before version 22.
const relaxedCases = hostCases.filter(({ kernels }) => kernels === "relaxed-simd");
for (const deviceCase of [...gpuCases, ...relaxedCases]) tableSuite(deviceCase);
