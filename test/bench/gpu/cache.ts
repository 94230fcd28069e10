import { fileURLToPath } from 'node:url'

/** What is made or fetched once: random weights, and WebLLM's compiled library. */
export const cacheFolder = fileURLToPath(new URL('../../../node_modules/.cache/bench-gpu/', import.meta.url))
