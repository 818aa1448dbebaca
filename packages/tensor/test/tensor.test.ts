import { describe, expect, it, vi } from "vitest";
import { createDevice } from "../src/index";
import { deviceCases } from "./support/devices";
import { tensorSuite } from "./tables/tensor-suite";

for (const deviceCase of deviceCases) tensorSuite(deviceCase);

describe("createDevice", () => {
  it("names the choices in its errors", async () => {
    await expect(createDevice("tpu" as "cpu")).rejects.toThrow(/unknown device "tpu"/);
    await expect(createDevice("cpu", { kernels: "fast" as "auto" })).rejects.toThrow(
      /unknown kernels "fast"/,
    );
    await expect(createDevice("wasm", { build: "fast" as "simd" })).rejects.toThrow(
      /unknown build "fast"; use simd or relaxed-simd/,
    );
    await expect(createDevice("cpu", { build: "simd" })).rejects.toThrow(
      /build "simd" is one of wasm, not of cpu/,
    );
  });

  it("refuses a build that the engine does not accept", async () => {
    const validate = vi.spyOn(WebAssembly, "validate").mockReturnValue(false);
    try {
      await expect(createDevice("wasm", { build: "relaxed-simd" })).rejects.toThrow(
        /"relaxed-simd" does not run in this engine/,
      );
    } finally {
      validate.mockRestore();
    }
  });
});
