export * from "./linear-blocks";
export * from "./linear-float32";