import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { languageModel, randomCheckpoint, sizes260k } from '../language-models.ts'
import type {} from '../page/main.ts'

/** Texts written at once on the GPU. */
export interface StreamRow {
  readonly model: string
  readonly streams: number
  /** Tokens a second of all streams together. */
  readonly ours: number
  /** Of transformers.js on the same file; undefined where it does not run the graph, or would take minutes. */
  readonly theirs: number | undefined
}

/** A model of 110 million parameters of random weights: a step of it reads as much as one of a small chat model. */
const sizes110m = { dim: 768, hidden: 2_048, layers: 12, heads: 12, vocabulary: 32_000 }

const variants = [
  { to: 'q4', needsHalves: false, isPaged: false },
  { to: 'q4f16', needsHalves: true, isPaged: false },
  { to: 'q4f16-paged', needsHalves: true, isPaged: true },
] as const

const idOf = (to: string) => `random-${to}`

/** Folders of the models whose texts are timed. @param isTrial Whether they are tiny. */
export async function streamModels(isTrial: boolean): Promise<string[]> {
  const name = isTrial ? 'spillway-bench-260k.bin' : 'spillway-bench-110m.bin'
  const path = await randomCheckpoint(join(tmpdir(), name), { sizes: isTrial ? sizes260k : sizes110m })
  const folders: string[] = []
  for (const { to } of variants) folders.push(await languageModel(idOf(to), path, { to }))
  return folders
}

/** Times texts at once, ours in one lane, against as many calls of transformers.js at once. */
export async function timeStreams(page: Page, isTrial: boolean): Promise<StreamRow[]> {
  const hasHalves = await page.evaluate(
    async () => (await navigator.gpu.requestAdapter())?.features.has('shader-f16') ?? false,
  )
  const amount = isTrial
    ? { streams: [1, 2], tokens: 4, rounds: 1 }
    : { streams: [1, 8, 32, 128], tokens: 64, rounds: 3 }
  const rows: StreamRow[] = []
  for (const { to, needsHalves, isPaged } of variants) {
    if (needsHalves && !hasHalves) continue
    const ours = await page.evaluate(([id, amount]) => window.bench.streams.ours(id, 'webgpu', amount), [
      idOf(to),
      amount,
    ] as const)
    // It runs one call after another: as many as 128 take minutes and tell nothing more.
    const few = { ...amount, streams: amount.streams.filter((streams) => streams <= 32), rounds: 1 }
    const theirs = isPaged
      ? []
      : await page.evaluate(([id, few]) => window.bench.streams.theirs(id, 'webgpu', few), [
          idOf(to),
          few,
        ] as const)
    for (const { streams, tokensPerSecond } of ours) {
      const other = theirs.find((one) => one.streams === streams)?.tokensPerSecond
      rows.push({ model: idOf(to), streams, ours: tokensPerSecond, theirs: other })
    }
  }
  return rows
}
