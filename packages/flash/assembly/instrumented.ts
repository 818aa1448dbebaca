export * from "./index";
export { loadedElements, resetTraffic, storedElements } from "./traffic";
