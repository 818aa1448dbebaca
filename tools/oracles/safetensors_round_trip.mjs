// Checks that Python reads what @x/tensor writes: the fixture of PyTorch is read here, written to a
// file, and compared with the fixture there, as is the file written again in Python.
//
//   node safetensors_round_trip.mjs PYTHON     (after `npm run build` at the root)
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createDevice } from "../../packages/tensor/dist/index.js";
import { openSafetensors, saveSafetensors } from "../../packages/tensor/dist/node.js";

const program = `
import sys, torch
from safetensors import safe_open
from safetensors.torch import load_file, save

fixture, written = (load_file(path) for path in sys.argv[1:3])
assert len(written) >= 15
for name, tensor in written.items():
    expected = fixture[name].to(tensor.dtype)
    assert tensor.shape == expected.shape, name
    assert torch.equal(torch.nan_to_num(tensor), torch.nan_to_num(expected)), name
    assert torch.equal(torch.isnan(tensor), torch.isnan(expected)), name
with safe_open(sys.argv[2], "pt") as file:
    metadata = file.metadata()
assert metadata == {"written": "here"}, metadata
assert save(written, metadata) == open(sys.argv[2], "rb").read()
print(f"Python read {len(written)} tensors as they were, and writes the same bytes")
`;

const fixture = fileURLToPath(
  new URL(
    "../../packages/tensor/test/fixtures/safetensors/torch-dtypes.safetensors",
    import.meta.url,
  ),
);
const device = await createDevice("cpu");
const folder = await mkdtemp(join(tmpdir(), "round-trip-"));
try {
  const file = await openSafetensors(fixture);
  const tensors = {};
  for (const name of file.names) {
    const tensor = await file.read(name, { device }).catch(() => undefined);
    if (tensor !== undefined) tensors[name] = tensor;
  }
  const written = join(folder, "written.safetensors");
  await saveSafetensors(written, tensors, { metadata: { written: "here" } });
  const python = process.argv[2] ?? "python3";
  const { status } = spawnSync(python, ["-c", program, fixture, written], { stdio: "inherit" });
  process.exitCode = status ?? 1;
} finally {
  await rm(folder, { recursive: true });
  device.dispose();
}
