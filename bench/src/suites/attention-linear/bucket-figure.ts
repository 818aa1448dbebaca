import { lshBuckets } from "@x/attention-linear";
import { type Device, normalNumbers, tensor, tidy } from "@x/tensor";

const tokens = 64;
const bucketSize = 8;
const colors = [
  ...["#3b82f6", "#ef4444", "#10b981", "#f59e0b"],
  ...["#8b5cf6", "#06b6d4", "#84cc16", "#ec4899"],
];

/**
 * Real buckets of {@link tokens} random vectors in the plane: where the vectors point, and the sequence
 * in the order of time and of buckets.
 */
export function bucketFigure(device: Device): string {
  const vectors = normalNumbers(tokens * 2, 3);
  const buckets = tidy(() => {
    const x = tensor(vectors, [1, tokens, 1, 2], { device });
    return Array.from(lshBuckets(x, { bucketSize, rounds: 1, seed: 2 }).dataSync());
  });
  const order = buckets.map((_, token) => token).sort((a, b) => bucketOf(a) - bucketOf(b) || a - b);
  const [centre, radius] = [{ x: 110, y: 130 }, 80];
  const dots = buckets.map((bucket, token) => {
    const angle = Math.atan2(vectors[2 * token + 1] ?? 0, vectors[2 * token] ?? 0);
    const at = { x: centre.x + radius * Math.cos(angle), y: centre.y + radius * Math.sin(angle) };
    return `<circle cx="${at.x.toFixed(1)}" cy="${at.y.toFixed(1)}" r="4" fill="${colors[bucket]}"/>`;
  });
  const [left, cell] = [230, 24];
  const strip = (sequence: readonly number[], top: number) =>
    sequence.map((token, index) => {
      const x = left + (index % 16) * cell;
      const y = top + Math.floor(index / 16) * (cell + 2);
      return `<rect x="${x}" y="${y}" width="${cell - 2}" height="${cell - 2}" fill="${colors[bucketOf(token)]}"/><text x="${x + cell / 2 - 1}" y="${y + 15}" text-anchor="middle" font-size="10" fill="#fff">${token}</text>`;
    });
  const borders = Array.from({ length: tokens / bucketSize }, (_, chunk) => {
    const x = left + ((chunk * bucketSize) % 16) * cell - 1;
    const y = 166 + Math.floor((chunk * bucketSize) / 16) * (cell + 2) - 1;
    return `<rect x="${x}" y="${y}" width="${bucketSize * cell}" height="${cell}" fill="none" stroke="#777" stroke-width="1.5"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 280" font-family="sans-serif" font-size="12" fill="#777">
<title>Real buckets of ${tokens} vectors in the plane</title>
<text x="20" y="24" font-size="14">Where ${tokens} vectors point</text>
${dots.join("\n")}
<text x="${left}" y="24" font-size="14">In the order of time</text>
${strip(
  order.map((_, token) => token),
  36,
).join("\n")}
<text x="${left}" y="156" font-size="14">By bucket, then time, in chunks of ${bucketSize}</text>
${strip(order, 166).join("\n")}
${borders.join("\n")}
</svg>
`;

  function bucketOf(token: number): number {
    return buckets[token] ?? 0;
  }
}
