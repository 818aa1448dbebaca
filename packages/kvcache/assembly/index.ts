export { attend, attendScratchBytes } from "./attend";
