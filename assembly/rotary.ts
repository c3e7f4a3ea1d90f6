/**
 * Rotary positions (Su et al. 2021, arXiv 2104.09864) in the half-split layout of GPT-NeoX and Llama: component i of a
 * head and component i + dHead/2 are a pair, turned by an angle that grows with the position:
 *
 *   out[i] = x[i] cos - x[i + dHead/2] sin,  out[i + dHead/2] = x[i + dHead/2] cos + x[i] sin
 */
import { LANES, at } from './simd';

/**
 * x, out (rows, cols): of every row `heads` heads of dHead components are turned, what lies behind them is copied. Row r
 * stands at position start + (first + r) % length. table (positions, dHead): the cosines of a position, then its sines.
 * back: turns the other way, which is the gradient. dHead is even; out may be x.
 */
export function rotaryForward(
  out: usize, x: usize, table: usize, rows: i32, cols: i32, heads: i32, dHead: i32, length: i32, start: i32, first: i32,
  back: i32,
): void {
  const half = dHead >> 1;
  const turned = heads * dHead;
  const sign: f32 = back ? -1 : 1;
  const signs = i32x4.splat(back ? i32.MIN_VALUE : 0);
  for (let r = 0; r < rows; r++) {
    const cosines = at(table, (start + (first + r) % length) * dHead);
    const sines = at(cosines, half);
    for (let h = 0; h < turned; h += dHead) {
      const low = at(x, h);
      const high = at(low, half);
      const toLow = at(out, h);
      const toHigh = at(toLow, half);
      let i = 0;
      for (; i <= half - LANES; i += LANES) {
        const c = v128.load(at(cosines, i));
        const s = v128.xor(v128.load(at(sines, i)), signs);
        const a = v128.load(at(low, i));
        const b = v128.load(at(high, i));
        v128.store(at(toLow, i), f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
        v128.store(at(toHigh, i), f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)));
      }
      for (; i < half; i++) {
        const c = load<f32>(at(cosines, i));
        const s = sign * load<f32>(at(sines, i));
        const a = load<f32>(at(low, i));
        const b = load<f32>(at(high, i));
        store<f32>(at(toLow, i), a * c - b * s);
        store<f32>(at(toHigh, i), b * c + a * s);
      }
    }
    memory.copy(at(out, turned), at(x, turned), (<usize>(cols - turned)) << 2);
    x = at(x, cols);
    out = at(out, cols);
  }
}
