import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createDevice,
  DataSourceError,
  type Device,
  SafetensorsError,
  tensor,
  writeSafetensors,
} from "../../src/index";
import { openSafetensors, saveSafetensors } from "../../src/node";

describe("files on disk", () => {
  const folder = mkdtempSync(join(tmpdir(), "safetensors-"));
  let device: Device;
  beforeAll(async () => {
    device = await createDevice("cpu");
  });
  afterAll(() => {
    device.dispose();
    rmSync(folder, { recursive: true });
  });

  it("are written and read by path and by file URL", async () => {
    using weight = tensor([1, 2, 3, 4], [2, 2], { device });
    const options = { metadata: { format: "x" } };
    const path = join(folder, "written.safetensors");
    for (const place of [path, pathToFileURL(path)]) {
      await saveSafetensors(place, { weight }, options);
      const bytes = new Uint8Array(readFileSync(path));
      expect(bytes).toEqual(await writeSafetensors({ weight }, options));
      const file = await openSafetensors(place);
      using read = await file.read("weight", { device });
      expect([...read.dataSync()]).toEqual([1, 2, 3, 4]);
    }
    expect(readdirSync(folder)).toEqual(["written.safetensors"]);
  });

  it("keep what they held when writing fails", async () => {
    using weight = tensor([1], [1], { device });
    const gone = tensor([2], [1], { device });
    gone.dispose();
    const path = join(folder, "kept.safetensors");
    writeFileSync(path, "before");
    await expect(saveSafetensors(path, { a: weight, gone })).rejects.toThrow(/disposed/);
    await expect(saveSafetensors(path, { __metadata__: weight })).rejects.toThrow(SafetensorsError);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(saveSafetensors(path, { weight }, { signal })).rejects.toThrow("enough");
    expect(readFileSync(path, "utf8")).toBe("before");
    expect(readdirSync(folder).filter((name) => name.startsWith("kept"))).toHaveLength(1);
  });

  it("say why they cannot be opened, read or written", async () => {
    using weight = tensor([1], [1], { device });
    const missing = join(folder, "missing", "a.safetensors");
    for (const attempt of [
      () => openSafetensors(missing),
      () => openSafetensors(folder),
      () => saveSafetensors(missing, { weight }),
    ]) {
      await expect(attempt()).rejects.toThrow(DataSourceError);
      await expect(attempt()).rejects.toThrow(folder);
    }
  });

  it("are refused when they changed since they were opened", async () => {
    using weight = tensor([1, 2], [2], { device });
    const path = join(folder, "changing.safetensors");
    await saveSafetensors(path, { weight });
    const file = await openSafetensors(path);
    utimesSync(path, 1, 1);
    await expect(file.read("weight", { device })).rejects.toThrow(/changed while it was read/);
    const again = await openSafetensors(path);
    appendFileSync(path, "more");
    utimesSync(path, 1, 1);
    await expect(again.read("weight", { device })).rejects.toThrow(/changed while it was read/);
    rmSync(path);
    await expect(again.read("weight", { device })).rejects.toThrow(/ENOENT/);
  });

  it("are no longer read when told to give up", async () => {
    using weight = tensor([1, 2], [2], { device });
    const path = join(folder, "given-up.safetensors");
    await saveSafetensors(path, { weight });
    const file = await openSafetensors(path);
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await expect(file.read("weight", { device, signal })).rejects.toBe(reason);
  });
});
