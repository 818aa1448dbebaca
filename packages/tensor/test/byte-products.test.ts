import { byteProductsSuite } from "./tables/byte-products-suite";

byteProductsSuite();
