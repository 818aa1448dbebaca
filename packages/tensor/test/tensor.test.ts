import { describe, expect, it } from "vitest";
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
  });
});
