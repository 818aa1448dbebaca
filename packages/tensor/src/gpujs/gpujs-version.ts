/** The release of [gpu.js](https://github.com/gpujs/gpu.js) that this package contains. */
export const gpujsVersion = "2.24.1";
