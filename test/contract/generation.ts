import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { type Backend, SpillwayError, type Tensor } from '../../models/core/index.ts'
import type { GenerationSpec } from '../../models/core/language.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import { SequenceScheduler } from '../../workers/host/text/sequence-scheduler.ts'
import type { LoadRequest } from '../../workers/protocol/lane.ts'
import type { Stories } from '../support/stories.ts'
import { adaptersContract } from './adapters.ts'
import { proposalContract } from './proposals.ts'
import { tokenGeneratorContract } from './token-generator.ts'
import { bytesOf, read, request, tokensOf } from './token-requests.ts'

export interface GenerationSubject {
  start(): Lane
  readonly backends: readonly Backend[]
  readonly stories: Stories | { readonly absent: string }
}

interface LoadOptions {
  /** The graph; default: that of the model itself. */
  readonly graph?: 'selecting' | 'adapted'
  readonly slots?: number
  readonly maxBytes?: number
  readonly kv?: GenerationSpec['kv']
  readonly draft?: LoadRequest['draft']
}

/** Every lane generates the reference texts of a published model, token for token. */
export function generationContract(name: string, { start, backends, stories }: GenerationSubject): void {
  if ('absent' in stories) {
    describe.skip(`${name} generates: ${stories.absent}`, () => {
      test('nothing')
    })
    return
  }
  const { manifest, cases, reference, adapted } = stories
  const { generation } = manifest
  if (!generation) throw new Error('The manifest has no generation spec')

  describe.each(backends)(`${name} generates on %s`, (backend) => {
    // A step of a software GPU takes a third of a second: WebAssembly proves the same on longer texts.
    const length = (many: number, few: number) => (backend === 'webgpu' ? few : many)
    // More than a slot has at first.
    const spec = { ...generation, context: length(512, 264) }
    const graphs = { plain: stories.graph, selecting: stories.selecting, adapted: adapted.graph }
    const specOf = (graph: LoadOptions['graph']): GenerationSpec => ({
      ...spec,
      ...(graph === 'adapted' && { adapters: adapted.manifest.generation?.adapters }),
    })
    // One lane for all: each starts a runtime, and a GPU compiles the shaders of each anew.
    let lane: Lane
    const requestFor = (
      session: string,
      { graph, slots = 8, maxBytes = 64 * 2 ** 20, kv = spec.kv, draft }: LoadOptions = {},
    ): LoadRequest => ({
      session,
      backend,
      source: { from: 'bytes', graph: bytesOf(graphs[graph ?? 'plain']), external: [] },
      inputs: manifest.inputs,
      outputs: manifest.outputs,
      batchAxis: 0,
      generate: { spec: { ...specOf(graph), kv }, kvType: 'float32', slots, maxSlots: slots, maxBytes },
      draft,
    })
    const open = async (session: string, options: LoadOptions = {}) => {
      await lane.load(requestFor(session, options))
      return new SequenceScheduler({
        session,
        spec: specOf(options.graph),
        lease: async () => ({ lane, release: () => {} }),
        executedOn: { backend, variant: 'fp32' },
        slots: options.slots ?? 8,
        maxWaiting: 100,
        clock: systemClock,
      })
    }
    let generator: SequenceScheduler
    beforeAll(async () => {
      lane = start()
      await lane.start({ threads: 1 })
      generator = await open('stories')
    })
    afterAll(() => lane.kill(new SpillwayError('closed', 'The tests are over')))

    tokenGeneratorContract(`The sequence scheduler over ${name}`, {
      generator: () => generator,
      prompt: cases[0]?.prompt ?? [],
      continuation: cases[0]?.tokens.slice(0, 16) ?? [],
    })

    test('refuses to load a model whose steps fail, and goes on', async () => {
      const load = (kv: GenerationSpec['kv']) => lane.load(requestFor('failing', { slots: 1, kv }))
      await expect(load({ ...spec.kv, headDim: 2 * spec.kv.headDim })).rejects.toMatchObject({
        code: 'model_invalid',
        message: expect.stringContaining(`loads failing on ${backend} but cannot run it: `),
      })
      await load(spec.kv)
    })

    test('gives the reference tokens, alone', async () => {
      const [first = 0, ...rest] = reference.tokens
      const count = length(40, 12)
      expect(await tokensOf(generator, request([first], count))).toEqual(rest.slice(0, count))
      for (const { prompt, tokens } of cases.slice(0, length(cases.length, 0)))
        expect(await tokensOf(generator, request(prompt, 40))).toEqual(tokens.slice(0, 40))
    })

    test('gives the reference tokens with seven others in each step', async () => {
      const [first = 0, ...rest] = reference.tokens
      const all = [...cases, ...cases, ...cases].slice(0, 7)
      const count = length(40, 8)
      const made = await Promise.all([
        tokensOf(generator, request([first], count)),
        ...all.map(({ prompt }, index) => tokensOf(generator, request(prompt, count - index))),
      ])
      expect(made[0]).toEqual(rest.slice(0, count))
      for (const [index, { tokens }] of all.entries())
        expect(made[index + 1]).toEqual(tokens.slice(0, count - index))
    })

    test('reads a prompt in pieces while others decode, and reuses the prefix that a slot holds', async () => {
      const long = reference.tokens.slice(0, length(150, 100))
      // The other text takes more steps than the pieces of the prompt.
      const [count, next] = [length(60, 6), length(10, 2)]
      const expected = reference.tokens.slice(long.length, long.length + next)
      const other = tokensOf(generator, request(cases[0]?.prompt ?? [], count))
      expect(await tokensOf(generator, request(long, next))).toEqual(expected)
      expect(await other).toEqual(cases[0]?.tokens.slice(0, count))
      const again = generator.generate(request(long, next))
      expect((await read(again)).map(({ token }) => token)).toEqual(expected)
      expect((await again.result).cachedTokens).toBe(long.length - 1)
      // What others hold of a prompt is copied from their slots.
      const [shared, most] = [length(60, 40), length(100, 70)]
      const branches = [401, 402, 403].map((last) => request([...long.slice(0, shared), last], length(6, 2)))
      const asked = branches.map((branch) => generator.generate(branch))
      const together = await Promise.all(asked.map(read))
      for (const { result } of asked) expect((await result).cachedTokens).toBe(shared)
      for (const [index, branch] of branches.entries())
        expect(await read(generator.generate(branch))).toEqual(together[index])
      const diverging = generator.generate(request([...long.slice(0, most), 400], 1))
      expect((await diverging.result).cachedTokens).toBe(most)
    })

    test('gives the logits of the reference where it runs as any other model', async () => {
      const ids = reference.tokens.slice(0, reference.logits.length)
      const integers = (data: BigInt64Array): Tensor => ({ type: 'int64', shape: [1, ids.length], data })
      const { layers, heads, headDim } = spec.kv
      const pasts = Array.from({ length: layers }, (_, layer) =>
        ['key', 'value'].map((half) => `past_key_values.${layer}.${half}`),
      ).flat()
      const none = (): Tensor => ({
        type: 'float32',
        shape: [1, heads, 0, headDim],
        data: new Float32Array(0),
      })
      const { generate: _, ...load } = requestFor('plain')
      await lane.load({
        ...load,
        inputs: [
          ...manifest.inputs,
          ...pasts.map((name) => ({ name, type: 'float32' as const, shape: [-1, heads, -1, headDim] })),
        ],
      })
      const { outputs } = await lane.run({
        session: 'plain',
        inputs: {
          input_ids: integers(BigInt64Array.from(ids, BigInt)),
          attention_mask: integers(new BigInt64Array(ids.length).fill(1n)),
          ...Object.fromEntries(pasts.map((name) => [name, none()])),
        },
      })
      expect(outputs.logits?.shape).toEqual([1, 16, 512])
      const expected = reference.logits.flat()
      const got = Array.from<unknown, number>(outputs.logits?.data ?? [], Number)
      const differences = got.map((one, index) => Math.abs(one - (expected[index] ?? Number.NaN)))
      expect(Math.max(...differences)).toBeLessThan(1e-3)
    })

    test('gives the log probabilities of the reference', async () => {
      const [row = []] = reference.logits
      const sum = Math.log(row.reduce((all, logit) => all + Math.exp(logit), 0))
      const stream = generator.generate(
        request(reference.tokens.slice(0, 1), 1, { sampling: { temperature: 0, logprobs: 3 } }),
      )
      const [made] = await read(stream)
      expect(made?.logprob).toBeCloseTo(Math.max(...row) - sum, 3)
      expect(made?.top).toHaveLength(3)
    })

    test('gives the same tokens where the graph selects the likeliest', async () => {
      const selecting = await open('selecting', { graph: 'selecting' })
      const count = length(40, 4)
      const made = await Promise.all([
        ...cases.map(({ prompt }) => tokensOf(selecting, request(prompt, count))),
        // A sequence beside them that needs all logits.
        tokensOf(
          selecting,
          request(cases[0]?.prompt ?? [], count, { sampling: { temperature: 0, presencePenalty: 0.001 } }),
        ),
      ])
      expect(made.slice(0, cases.length)).toEqual(cases.map(({ tokens }) => tokens.slice(0, count)))
    })

    adaptersContract({
      open: () => open('adapted', { graph: 'adapted' }),
      base: cases[0] ?? { prompt: [], tokens: [] },
      // A long prompt takes seconds on a software GPU.
      adapted: adapted.cases.filter(({ prompt }) => prompt.length <= length(64, 16)),
      length: length(24, 4),
    })

    test('draws the same tokens for the same seed, whatever else is in the step', async () => {
      const count = length(24, 6)
      const drawn = (seed: number) =>
        tokensOf(generator, request(cases[1]?.prompt ?? [], count, { sampling: { temperature: 1, seed } }))
      const alone = await drawn(7)
      const [again, other] = await Promise.all([drawn(7), drawn(8)])
      expect(again).toEqual(alone)
      expect(other).not.toEqual(alone)
    })

    proposalContract({
      generator: () => generator,
      open: (draft) => open(draft ? 'drafting' : 'proposing', { draft }),
      context: spec.context,
      stories,
      length,
    })

    test('ends a sequence at its stop token, its limit, or the context', async () => {
      const { prompt = [], tokens = [] } = cases[0] ?? {}
      const [stop = 0] = tokens.slice(5)
      const at = tokens.indexOf(stop)
      const stopped = generator.generate(request(prompt, 40, { stopTokens: [stop] }))
      expect((await read(stopped)).map(({ token }) => token)).toEqual(tokens.slice(0, at))
      expect(await stopped.result).toMatchObject({ finish: 'stop' })
      const limited = generator.generate(request(prompt, 3))
      expect(await limited.result).toMatchObject({ finish: 'length' })
      const full = Array.from({ length: spec.context - 2 }, (_, index) => reference.tokens[index % 150] ?? 0)
      const last = generator.generate(request(full, 40, { stopTokens: [] }))
      expect(await read(last)).toHaveLength(2)
      expect(await last.result).toMatchObject({ finish: 'length' })
    })

    test('lets sequences take turns where memory is too small for all', async () => {
      const count = length(80, 6)
      const texts = [...cases, ...cases].slice(0, length(2 * cases.length, 3))
      // Two slots of 128 tokens, or one of 256.
      const perToken = 4 * spec.kv.layers * 2 * spec.kv.heads * spec.kv.headDim
      const tight = await open('tight', { slots: 4, maxBytes: 3 * 300 * perToken })
      const wanted = texts.map(({ prompt }) => tokensOf(tight, request(prompt, count)))
      const read = length(190, 130)
      const long = tokensOf(tight, request(reference.tokens.slice(0, read), 5))
      expect(await Promise.all(wanted)).toEqual(texts.map(({ tokens }) => tokens.slice(0, count)))
      expect(await long).toEqual(reference.tokens.slice(read, read + 5))
    })
  })
}
