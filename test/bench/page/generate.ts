import { systemClock } from '../../../models/async/clock.ts'
import { type Manifest, SpillwayError } from '../../../models/core/index.ts'
import { runtimeFiles } from '../../../workers/host/lane-client/browser/runtime-files.ts'
import { startWorkerLane } from '../../../workers/host/lane-client/browser/start-worker-lane.ts'
import type { Lane } from '../../../workers/host/lane-client/lane.ts'
import { draftRequest } from '../../../workers/host/text/draft.ts'
import { generateSetup } from '../../../workers/host/text/generate-setup.ts'
import { SequenceScheduler } from '../../../workers/host/text/sequence-scheduler.ts'
import type { TokenStream } from '../../../workers/host/text/types.ts'
import { loadOrt } from '../../../workers/lane/browser/load-ort.ts'
import { createEngine } from '../../../workers/lane/engine/engine.ts'
import type { Ort, OrtSession } from '../../../workers/lane/runtime/ort.ts'
import type { TokenRequest } from '../../../workers/protocol/generation.ts'
import type { LoadRequest } from '../../../workers/protocol/lane.ts'
import { promptOf } from '../prompt-of.ts'
import { base, time } from './time.ts'
import { openTransformers } from './transformers.ts'

export type Backend = 'wasm' | 'webgpu'

async function manifestOf(id: string): Promise<Manifest> {
  return (await fetch(new URL(`models/${id}/manifest.json`, base))).json()
}

async function graphOf({ id, variants: [variant] }: Manifest) {
  const file = variant?.files[0]
  if (!variant || !file) throw new Error(`${id} has no files`)
  const graph = await (await fetch(new URL(`models/${id}/${file.path}`, base))).arrayBuffer()
  return { variant, source: { from: 'bytes', graph, external: [] } } as const
}

async function draftOf(id: string): Promise<LoadRequest['draft']> {
  const manifest = await manifestOf(id)
  const { variant, source } = await graphOf(manifest)
  return draftRequest({ manifest, variant }, source)
}

export async function loadRequest(
  manifest: Manifest,
  backend: Backend,
  maxSlots: number,
  draft?: string,
): Promise<LoadRequest> {
  const { variant, source } = await graphOf(manifest)
  return {
    session: manifest.id,
    backend,
    source,
    draft: draft === undefined ? undefined : await draftOf(draft),
    inputs: manifest.inputs,
    outputs: manifest.outputs,
    batchAxis: 0,
    generate: generateSetup(manifest, variant, { slots: maxSlots, maxSlots, maxBytes: 2 ** 29 }),
  }
}

export function generatorOver(
  lane: Lane,
  { id, generation: spec }: Manifest,
  backend: Backend,
  slots = 8,
): SequenceScheduler {
  if (!spec) throw new Error(`${id} is no language model`)
  return new SequenceScheduler({
    session: id,
    spec,
    lease: async () => ({ lane, release: () => {} }),
    executedOn: { backend, variant: 'fp32' },
    slots,
    maxWaiting: 100,
    clock: systemClock,
  })
}

/** @param draft The id of its draft model. */
export async function open(id: string, backend: Backend, slots = 8, draft?: string) {
  const manifest = await manifestOf(id)
  const lane = startWorkerLane('bench', systemClock)
  await lane.start({ threads: 1 })
  await lane.load(await loadRequest(manifest, backend, slots, draft))
  return { lane, manifest, generator: generatorOver(lane, manifest, backend, slots) }
}

export const ask = (
  generator: SequenceScheduler,
  prompt: readonly number[],
  maxTokens: number,
  more: Partial<TokenRequest> = {},
): TokenStream =>
  generator.generate({
    prompt,
    generated: 0,
    maxTokens,
    stopTokens: [],
    sampling: { temperature: 0 },
    ...more,
  })

export interface Run {
  readonly ms: number
  readonly firstMs: number
  readonly tokens: readonly number[]
}

/** Times one text: to its first token and to its end. */
export async function timed(stream: TokenStream): Promise<Run> {
  const start = performance.now()
  let firstMs = 0
  const tokens: number[] = []
  for await (const made of stream) {
    firstMs ||= performance.now() - start
    tokens.push(...made.map(({ token }) => token))
  }
  return { ms: performance.now() - start, firstMs, tokens }
}

/** Warm-up: V8 recompiles the WebAssembly of both sides meanwhile, on the same cores. */
export const warmUpMs = 15_000

/** One stream against @huggingface/transformers on the same file, taking turns. */
async function generateOne(id: string, tokens: number, rounds: number) {
  const { lane, manifest, generator } = await open(id, 'wasm')
  const theirs = await openTransformers(manifest)
  const vocabulary = manifest.generation?.vocabulary ?? 0
  const times = { ours: [] as Run[], theirs: [] as Run[] }
  const start = performance.now()
  for (let round = 0; times.ours.length < rounds; round++) {
    const prompt = promptOf(8, vocabulary, round + 1)
    const own = await timed(ask(generator, prompt, tokens))
    const other = await theirs.generate(prompt, tokens)
    if (own.tokens.join() !== other.tokens.join()) throw new Error('The two sides say different things')
    if (performance.now() - start < warmUpMs) continue
    times.ours.push(own)
    times.theirs.push(other)
  }
  lane.kill(new SpillwayError('closed', 'The bench is over'))
  await theirs.close()
  return times
}

/** Eight streams at once, against the same eight in sequence, and against eight calls of theirs at once. */
async function generateEight(
  id: string,
  backend: Backend,
  tokens: number,
  rounds: number,
  withTheirs: boolean,
) {
  const { lane, manifest, generator } = await open(id, backend)
  const theirs = withTheirs ? await openTransformers(manifest) : undefined
  const vocabulary = manifest.generation?.vocabulary ?? 0
  const times = { together: [] as number[], sequence: [] as number[], theirs: [] as number[] }
  const start = performance.now()
  for (let round = 0; times.together.length < rounds; round++) {
    // The first round compiles shaders, however long it takes.
    const isWarm = round > 0 && performance.now() - start > warmUpMs
    const prompts = Array.from({ length: 8 }, (_, index) =>
      promptOf(6 + index, vocabulary, index + 1 + 8 * round),
    )
    const together = await time(() =>
      Promise.all(prompts.map((prompt) => timed(ask(generator, prompt, tokens)))),
    )
    const sequence = await time(async () => {
      for (const prompt of prompts) await timed(ask(generator, prompt, tokens))
    })
    const other = theirs
      ? await time(() => Promise.all(prompts.map((prompt) => theirs.generate(prompt, tokens))))
      : 0
    if (!isWarm) continue
    times.together.push(together)
    times.sequence.push(sequence)
    times.theirs.push(other)
  }
  lane.kill(new SpillwayError('closed', 'The bench is over'))
  await theirs?.close()
  return times
}

/** Time to the first token of a chat's second turn, with the first turn still in its slot and without. */
async function prefix(id: string, length: number, rounds: number) {
  const { lane, manifest, generator } = await open(id, 'wasm')
  const vocabulary = manifest.generation?.vocabulary ?? 0
  const times = { reused: [] as number[], anew: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    const turn = promptOf(length, vocabulary, round + 1)
    const { tokens } = await timed(ask(generator, turn, 8))
    const second = [...turn, ...tokens, ...promptOf(12, vocabulary, round + 2)]
    times.reused.push((await timed(ask(generator, second, 2))).firstMs)
    // Another beginning of the same length, of which nothing is in a slot.
    const other = second.map((token, index) => (index === 1 ? (token + 1) % vocabulary : token))
    times.anew.push((await timed(ask(generator, other, 2))).firstMs)
  }
  lane.kill(new SpillwayError('closed', 'The bench is over'))
  return times
}

/** Time to the first token of texts that are asked for together, with one long beginning and with one each. */
async function sharedPrefix(id: string, texts: number, length: number, rounds: number) {
  const { lane, manifest, generator } = await open(id, 'wasm', texts)
  const vocabulary = manifest.generation?.vocabulary ?? 0
  const times = { shared: [] as number[], own: [] as number[] }
  for (let round = -1; round < rounds; round++) {
    for (const side of ['shared', 'own'] as const) {
      const made = await Promise.all(
        Array.from({ length: texts }, (_, text) => {
          // The first token is another for every beginning.
          const beginning = 2 + texts * (2 * round + 2) + (side === 'own' ? 1 + text : 0)
          const prompt = [beginning, ...promptOf(length - 1, vocabulary, 3), 40 + text, 50, 60]
          return timed(ask(generator, prompt, 2))
        }),
      )
      if (round >= 0) times[side].push(...made.map(({ firstMs }) => firstMs))
    }
  }
  lane.kill(new SpillwayError('closed', 'The bench is over'))
  return times
}

/** The same with the lane's code in this thread. */
export async function openInPage(ort: Ort, id: string, backend: Backend) {
  const engine = createEngine(ort)
  const manifest = await manifestOf(id)
  await engine.load(await loadRequest(manifest, backend, 8))
  const decoder = engine.decoder(id)
  const lane: Lane = {
    ...startWorkerLane('unused', systemClock),
    addSequences: async (_session, requests) => decoder.add(requests),
    cancelSequences: async (_session, ids) => decoder.cancel(ids),
    takeEvents: () => decoder.takeEvents(),
  }
  return { lane, manifest, generator: generatorOver(lane, manifest, backend) }
}

/** The time of a decode step outside of the session's run: decodes in this thread and times the runs. */
async function stepOverhead(id: string, tokens: number) {
  let inside = 0
  const ort = timedOrt(await loadOrt({ threads: 1 }, runtimeFiles()), (ms) => {
    inside += ms
  })
  const { lane, manifest, generator } = await openInPage(ort, id, 'wasm')
  const prompt = promptOf(8, manifest.generation?.vocabulary ?? 0)
  await timed(ask(generator, prompt, tokens))
  inside = 0
  const { ms, tokens: made } = await timed(ask(generator, prompt, tokens))
  lane.kill(new SpillwayError('closed', 'The bench is over'))
  return { overheadMs: (ms - inside) / made.length, runMs: inside / made.length }
}

function timedOrt(ort: Ort, onRun: (ms: number) => void): Ort {
  const timedSession = (session: OrtSession): OrtSession =>
    new Proxy(session, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        if (name !== 'run') return value.bind(target)
        return async (...given: unknown[]) => {
          const start = performance.now()
          const outputs = await value.apply(target, given)
          onRun(performance.now() - start)
          return outputs
        }
      },
    })
  const InferenceSession = new Proxy(ort.InferenceSession, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function' || name !== 'create') return value
      return async (...given: unknown[]) => timedSession(await value.apply(target, given))
    },
  })
  const memory: Ort['memory'] = async (backend, session) => {
    const given = await ort.memory(backend, session)
    if (!given?.session) return given
    const { run, ...names } = given.session
    const timedRun: typeof run = async (feeds, fetches) => {
      const start = performance.now()
      const outputs = await run(feeds, fetches)
      onRun(performance.now() - start)
      return outputs
    }
    return { ...given, session: { ...names, run: timedRun } }
  }
  return { ...ort, InferenceSession, memory }
}

export const generation = { generateOne, generateEight, prefix, sharedPrefix, stepOverhead }
