/**
 * Loops over a row take four elements at a time and the rest one by one, by the same code: `isWide`
 * is known when the compiler inlines it.
 */

@inline
export function load(source: usize, isWide: bool): v128 {
  return isWide ? v128.load(source) : f32x4.splat(f32.load(source));
}

@inline
export function store(target: usize, lanes: v128, isWide: bool): void {
  if (isWide) v128.store(target, lanes);
  else f32.store(target, f32x4.extract_lane(lanes, 0));
}
