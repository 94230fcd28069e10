// The one line that differs from an application of transformers.js.
import { pipeline } from 'spillway/transformers'

const extract = await pipeline('feature-extraction', 'Xenova/all-MiniLM-L6-v2')

/** How alike two texts are: 1 for the same. */
export async function compare(texts) {
  const vectors = await extract(texts, { pooling: 'mean', normalize: true })
  const [first, second] = vectors.tolist()
  return first.reduce((sum, value, at) => sum + value * second[at], 0)
}
