import { DeviceError } from "../errors";
import type { Device, DeviceName, MemoryUse } from "./device";

/** What one device holds. */
export interface DeviceMemory extends MemoryUse {
  readonly device: DeviceName;
}

/** Live tensors and bytes, of all devices and of each. */
export interface TotalMemory {
  /** Tensors not yet disposed, on every device. */
  readonly tensors: number;
  /** Bytes in use, on every device. */
  readonly bytes: number;
  /** Each device that was made and not disposed, oldest first. */
  readonly devices: readonly DeviceMemory[];
}

/** Weak, so that a device that nobody uses can be collected. */
const live = new Set<WeakRef<Device>>();
const initialized = new Map<DeviceName, Device>();
let defaultDevice: Device | undefined;

/** @internal */
export function registerDevice(device: Device): void {
  live.add(new WeakRef(device));
}

/** @internal */
export function unregisterDevice(device: Device): void {
  for (const reference of live) {
    const known = reference.deref();
    if (known === undefined || known === device) live.delete(reference);
  }
  if (initialized.get(device.name) === device) initialized.delete(device.name);
  if (defaultDevice === device) defaultDevice = undefined;
}

/** Makes `device` the one of its name. @internal */
export function setInitialized(device: Device): void {
  initialized.set(device.name, device);
}

/** The device that `init()` made under `name`, if it still works. @internal */
export function initializedDevice(name: DeviceName): Device | undefined {
  return initialized.get(name);
}

/** Makes `device` the one where tensors go that name none. @internal */
export function setDefaultDevice(device: Device): void {
  defaultDevice = device;
}

/**
 * The device that is meant: itself, one that `init()` made under this name, or the default.
 *
 * @throws {DeviceError} when `init()` made none. @throws {DisposedError} after its disposal.
 */
export function resolveDevice(device: Device | DeviceName | undefined): Device {
  const resolved = typeof device === "string" ? initialized.get(device) : (device ?? defaultDevice);
  if (resolved === undefined) {
    const message =
      device === undefined
        ? "no device given and no default; call init() first, or pass { device }"
        : `the ${device} device is not initialised; call init({ devices: ["${device}"] }) first`;
    throw new DeviceError(message, { device });
  }
  resolved.assertUsable();
  return resolved;
}

/**
 * Live tensors and bytes of every device.
 *
 * @example
 * ```ts
 * const before = memory().tensors;
 * runOneStep();
 * assert(memory().tensors === before);
 * ```
 */
export function memory(): TotalMemory {
  const devices: DeviceMemory[] = [];
  for (const reference of live) {
    const device = reference.deref();
    if (device !== undefined) devices.push({ device: device.name, ...device.memory() });
  }
  const total = (key: "tensors" | "bytes") => devices.reduce((sum, entry) => sum + entry[key], 0);
  return { tensors: total("tensors"), bytes: total("bytes"), devices };
}
