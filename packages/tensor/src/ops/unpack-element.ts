import type { DType } from "../dtype";
import { decodeBrainFloat, decodeHalf, wordsPerBlock } from "./packed-weights";
import { unpackSuperBlockElement } from "./super-blocks";

/** Statements that set `element` to `weight[row][column]` of a table stored as `dtype`. */
export function unpackElement(dtype: DType): string {
  switch (dtype) {
    case "float32":
    case "int32":
    case "bool":
      return "const element = weight[row][column];";
    case "float16":
      return decodeHalf("element", "weight[row][column]");
    case "bfloat16":
      return decodeBrainFloat("element", "weight[row][column]");
    case "q4_0":
    case "q4_1": {
      const header = dtype === "q4_0" ? 1 : 2;
      return `
        const first = Math.floor((column + 0.5) / 32) * ${wordsPerBlock(dtype)};
        const index = column % 32;
        const byte = index % 16;
        const word = weight[row][first + ${header} + Math.floor(byte / 2)];
        let shift = (byte % 2) * 8;
        if (index >= 16) { shift += 4; }
        const nibble = Math.floor(word / Math.pow(2, shift)) % 16;
        ${decodeHalf("scale", "weight[row][first]")}
        ${dtype === "q4_1" ? decodeHalf("minimum", "weight[row][first + 1]") : ""}
        const element = ${dtype === "q4_1" ? "scale * nibble + minimum" : "scale * (nibble - 8)"};`;
    }
    case "q8_0":
      return `
        const first = Math.floor((column + 0.5) / 32) * 17;
        const index = column % 32;
        const word = weight[row][first + 1 + Math.floor(index / 2)];
        let byte = word % 256;
        if (index % 2 > 0.5) { byte = Math.floor(word / 256); }
        if (byte > 127) { byte = byte - 256; }
        ${decodeHalf("scale", "weight[row][first]")}
        const element = scale * byte;`;
    case "q4_k":
    case "q5_k":
    case "q6_k":
      return unpackSuperBlockElement(dtype);
    default:
      return dtype satisfies never;
  }
}
