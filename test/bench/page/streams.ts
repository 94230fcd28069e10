import { parseManifest } from '../../../models/core/index.ts'
import { createRuntime } from '../../../web/api/index.ts'
import { type Amount, type Streams, type TokensAt, timeStreams } from '../gpu/time-streams.ts'
import { base } from './time.ts'
import { openTransformers } from './transformers.ts'

/** By the public API, as a page would write it. */
async function ours(id: string, variant: string, amount: Amount): Promise<Streams[]> {
  const runtime = await createRuntime({ server: base, policy: 'device' })
  const model = await runtime.model(id, { backend: 'webgpu', variant })
  const write = async (prompt: readonly number[], tokens: number) => {
    const made: TokensAt[] = []
    const stream = model.generate({
      tokens: prompt,
      maxTokens: tokens,
      temperature: 0,
      ignoreStopTokens: true,
    })
    for await (const piece of stream)
      if (piece.tokens.length > 0) made.push({ at: performance.now(), tokens: piece.tokens.length })
    return made
  }
  const measured = await timeStreams(
    { write, isSequential: false },
    model.manifest.generation?.vocabulary ?? 0,
    amount,
  )
  runtime.close()
  return measured
}

/** The manifest with one variant. */
async function manifestOf(id: string, variantId: string) {
  const url = new URL(`models/${id}/manifest.json`, base)
  const manifest = parseManifest(await (await fetch(url)).json(), url.href)
  return { ...manifest, variants: manifest.variants.filter(({ id }) => id === variantId) }
}

/** By transformers.js, on the same file. */
async function transformers(id: string, variant: string, amount: Amount): Promise<Streams[]> {
  const manifest = await manifestOf(id, variant)
  const model = await openTransformers(manifest, 'webgpu')
  const write = async (prompt: readonly number[], tokens: number) => {
    const made = await model.generate(prompt, tokens)
    checkCount('transformers.js', made.tokens.length, tokens)
    return []
  }
  const measured = await timeStreams(
    { write, isSequential: true },
    manifest.generation?.vocabulary ?? 0,
    amount,
  )
  await model.close()
  return measured
}

/** By WebLLM. @param folder The address of its weights. @param library That of its compiled library. */
async function webLlm(folder: string, library: string, amount: Amount): Promise<Streams[]> {
  // Other benches do not load it.
  const { openWebLlm, promptTokens } = await import('./web-llm.ts')
  const { generate, close } = await openWebLlm(folder, library)
  const write = async (prompt: readonly number[], tokens: number) => {
    checkCount('WebLLM', await generate(prompt, tokens), tokens)
    return []
  }
  const measured = await timeStreams({ write, isSequential: true }, promptTokens, amount)
  await close()
  return measured
}

/** By a loop over the runtime alone, on the same file. */
async function bare(id: string, variant: string, amount: Amount): Promise<Streams[]> {
  const { bareLoop } = await import('./bare-loop.ts')
  return bareLoop(await manifestOf(id, variant), amount)
}

function checkCount(who: string, got: number, expected: number): void {
  if (got !== expected) throw new Error(`${who} wrote ${got} of ${expected} tokens`)
}

export const streams = { ours, transformers, webLlm, bare }
