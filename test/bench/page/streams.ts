import { type Manifest, parseManifest } from '../../../models/core/index.ts'
import { createRuntime } from '../../../web/api/index.ts'
import { type Amount, checkCount, drawn, type Streams, timeStreams, tokensOf } from '../gpu/time-streams.ts'
import { promptOf } from '../prompt-of.ts'
import { base } from './time.ts'
import { openTransformers } from './transformers.ts'

declare global {
  interface Window {
    /** Given by the command, which keeps what it is told. */
    tellRate(rate: Streams): Promise<void>
  }
}

/** By the public API, as a page would write it. */
async function ours(id: string, variant: string, amount: Amount): Promise<void> {
  const runtime = await createRuntime({ server: base, policy: 'device' })
  const model = await runtime.model(id, { backend: 'webgpu', variant })
  const write = async (prompt: readonly number[], tokens: number, seed: number) => {
    const stream = model.generate({
      tokens: prompt,
      maxTokens: tokens,
      ignoreStopTokens: true,
      ...drawn(seed),
    })
    const text = []
    for await (const piece of stream)
      if (piece.tokens.length > 0) text.push({ at: performance.now(), tokens: piece.tokens.length })
    checkCount('Spillway', tokensOf(text), tokens)
    return text
  }
  await timeStreams({ write, sharesSteps: true }, vocabularyOf(model.manifest), amount, window.tellRate)
  runtime.close()
}

/** By transformers.js, on the same file. */
async function transformers(id: string, variant: string, amount: Amount): Promise<void> {
  const manifest = await manifestOf(id, variant)
  const model = await openTransformers(manifest, 'webgpu')
  const write = async (prompt: readonly number[], tokens: number) => {
    const made = await model.generate(prompt, tokens)
    checkCount('transformers.js', made.tokens.length, tokens)
    return []
  }
  await timeStreams({ write, sharesSteps: false }, vocabularyOf(manifest), amount, window.tellRate)
  await model.close()
}

/** By WebLLM. @param folder The address of its weights. @param library That of its compiled library. */
async function webLlm(folder: string, library: string, amount: Amount): Promise<void> {
  // Other benches do not load it.
  const { openWebLlm, promptTokens } = await import('./web-llm.ts')
  const { generate, close } = await openWebLlm(folder, library)
  const write = async (prompt: readonly number[], tokens: number) => {
    checkCount('WebLLM', await generate(prompt, tokens), tokens)
    return []
  }
  await timeStreams({ write, sharesSteps: false }, promptTokens, amount, window.tellRate)
  await close()
}

/** By a loop over the runtime alone, on the same file. */
async function bare(id: string, variant: string, amount: Amount): Promise<void> {
  const { bareLoop } = await import('./bare-loop.ts')
  await bareLoop(await manifestOf(id, variant), amount, window.tellRate)
}

/** The first tokens of a greedy text by ours, and by transformers.js on the same file. */
async function firstTokens(id: string, variant: string, { prompt: length }: Amount) {
  const count = 4
  const runtime = await createRuntime({ server: base, policy: 'device' })
  const model = await runtime.model(id, { backend: 'webgpu', variant })
  const prompt = promptOf(length, vocabularyOf(model.manifest))
  const request = { tokens: prompt, maxTokens: count, temperature: 0, ignoreStopTokens: true }
  const { tokens: ours } = await model.generate(request).result
  runtime.close()
  const other = await openTransformers(await manifestOf(id, variant), 'webgpu')
  const { tokens: theirs } = await other.generate(prompt, count)
  await other.close()
  return { ours, theirs }
}

/** The manifest with one variant. */
async function manifestOf(id: string, variantId: string): Promise<Manifest> {
  const url = new URL(`models/${id}/manifest.json`, base)
  const manifest = parseManifest(await (await fetch(url)).json(), url.href)
  return { ...manifest, variants: manifest.variants.filter(({ id }) => id === variantId) }
}

function vocabularyOf({ id, generation }: Manifest): number {
  if (!generation) throw new Error(`${id} writes no texts`)
  return generation.vocabulary
}

export const streams = { ours, transformers, webLlm, bare, firstTokens }
