/**
 * Elements that the kernels move between the operands and their tile buffers, counted where it
 * happens. Only the instrumented build counts; elsewhere the calls compile to nothing.
 */
let loads: f64 = 0;
let stores: f64 = 0;

@inline
export function countLoads(elements: i32): void {
  if (isDefined(COUNT_TRAFFIC)) loads += elements as f64;
}

@inline
export function countStores(elements: i32): void {
  if (isDefined(COUNT_TRAFFIC)) stores += elements as f64;
}

/** Elements loaded since `resetTraffic`. */
export function loadedElements(): f64 {
  return loads;
}

/** Elements stored since `resetTraffic`. */
export function storedElements(): f64 {
  return stores;
}

export function resetTraffic(): void {
  loads = 0;
  stores = 0;
}
