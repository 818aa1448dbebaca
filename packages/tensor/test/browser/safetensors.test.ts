import { expect, it } from "vitest";
import { createDevice, openSafetensors, writeSafetensors } from "../../src/index";

/** The fixture by an address that the test server answers ranges of. */
const url = new URL("../fixtures/safetensors/torch-dtypes.safetensors", import.meta.url);

it("reads safetensors from an address and from a file, and writes them", async () => {
  using device = await createDevice();
  const remote = await openSafetensors(url);
  using read = await remote.read("float32", { device });
  const values = await read.data();
  expect([...values]).toEqual(
    [Math.fround(0.1), -0, 1e-45, Infinity, -Infinity, NaN].map(Math.fround),
  );

  const bytes = new Uint8Array(await writeSafetensors({ read }));
  const local = await openSafetensors(new File([bytes], "written.safetensors"));
  using again = await local.read("read", { device });
  expect(await again.data()).toEqual(values);
});
