import { gpuCases } from "./support/devices";
import { webGpuSuite } from "./tables/webgpu-suite";

webGpuSuite(gpuCases.find(({ kernels }) => kernels === "wgsl")!);
