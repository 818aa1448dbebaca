import { byteProductsSuite } from "../tables/byte-products-suite";

// Node has no relaxed SIMD before version 22.
byteProductsSuite();
