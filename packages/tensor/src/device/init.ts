import { DeviceError } from "../errors";
import { availableDevices, createDevice, type DeviceAvailability } from "./create-device";
import type { Device, DeviceName } from "./device";
import { initializedDevice, setDefaultDevice, setInitialized } from "./live-devices";

/** Settings of {@link init}. */
export interface InitOptions {
  /**
   * The devices to make. Default: the best one of this machine alone. A device that was made before
   * and still works is kept.
   */
  readonly devices?: readonly DeviceName[];
  /** Where tensors go that name no device. Default: the first of `devices`. */
  readonly default?: DeviceName;
}

/** What {@link init} found and made. */
export interface InitResult {
  /** Every device of this release, whether it runs here, and why not. */
  readonly availability: readonly DeviceAvailability[];
  /** The devices that were asked for, by name. */
  readonly devices: ReadonlyMap<DeviceName, Device>;
  /** Where tensors go that name no device. */
  readonly default: Device;
}

/**
 * Finds out which devices run here, makes those that are asked for, and sets the default one.
 *
 * Without `devices` it takes `wasm` in Node, and in a browser `webgpu` where there is a real GPU, else
 * `wasm`, else `cpu`. Call it again after a device was lost or disposed.
 *
 * @throws {DeviceError} when a device that was asked for does not run here; the reason is in the
 * message.
 *
 * @example
 * ```ts
 * const { availability } = await init({ devices: ["webgpu", "wasm"] });
 * using onGpu = tensor([1, 2, 3], [3]); // the default: the first of the list
 * using onHost = tensor([1, 2, 3], [3], { device: "wasm" });
 * ```
 */
export async function init({
  devices: requested,
  default: preferred,
}: InitOptions = {}): Promise<InitResult> {
  const availability = await availableDevices();
  const names = requested ?? [preferred ?? bestOf(availability)];
  const first = preferred ?? names[0];
  if (first === undefined || !names.includes(first)) {
    throw new DeviceError(
      `init: the default device "${first}" is not among the devices [${names.join(", ")}]; add it to the list`,
      { default: first, devices: names },
    );
  }
  for (const name of names) {
    const known = availability.find((entry) => entry.name === name);
    if (known === undefined || known.available) continue;
    throw new DeviceError(`init: ${name} does not run here: ${known.reason}`, { device: name });
  }
  const made = new Map<DeviceName, Device>();
  for (const name of names) made.set(name, workingDevice(name) ?? (await createDevice(name)));
  for (const device of made.values()) setInitialized(device);
  const chosen = made.get(first) as Device;
  setDefaultDevice(chosen);
  return { availability, devices: made, default: chosen };
}

function workingDevice(name: DeviceName): Device | undefined {
  const device = initializedDevice(name);
  return device?.isUsable ? device : undefined;
}

/** A GPU that is emulated on the processor is slower than the processor's own kernels. */
function bestOf(availability: readonly DeviceAvailability[]): DeviceName {
  const isBrowser = typeof process !== "object" || process.versions?.node === undefined;
  const runs = (name: DeviceName) =>
    availability.some((entry) => entry.name === name && entry.available && !entry.isEmulated);
  if (isBrowser && runs("webgpu")) return "webgpu";
  return runs("wasm") ? "wasm" : "cpu";
}
