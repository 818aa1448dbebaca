const blockSize = 32;
const blockBytes = 34;

/**
 * Q8_0 of ggml: blocks of 32 elements, each a float16 scale and 32 signed bytes. The scale makes the
 * largest magnitude of the block 127.
 *
 * @param values - A multiple of 32 elements, within float16's range.
 */
export function quantizeQ8(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array((values.length / blockSize) * blockBytes);
  const view = new DataView(bytes.buffer);
  for (let block = 0; block * blockSize < values.length; block++) {
    const elements = values.subarray(block * blockSize, (block + 1) * blockSize);
    const largest = elements.reduce((maximum, one) => Math.max(maximum, Math.abs(one)), 0);
    const scale = largest / 127;
    view.setUint16(block * blockBytes, toHalf(scale), true);
    for (const [index, one] of elements.entries()) {
      view.setInt8(block * blockBytes + 2 + index, scale === 0 ? 0 : Math.round(one / scale));
    }
  }
  return bytes;
}

/** The bits of the float16 nearest to a number of 0 or more. */
function toHalf(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.max(-14, Math.floor(Math.log2(value)));
  const fraction = Math.round((value / 2 ** exponent) * 1024);
  // A fraction of 2048 carries into the exponent; below 1024 the number is subnormal.
  return (exponent + 14) * 1024 + fraction;
}
