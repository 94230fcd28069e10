import { expect, test, vi } from 'vitest'
import {
  type GenerationSpec,
  type Manifest,
  SpillwayError,
  type Variant,
} from '../../../models/core/index.ts'
import { ModelCatalogue } from '../../../server/inference/catalogue.ts'
import { draftsOf } from '../../../server/inference/drafts.ts'
import { createSessionSpec, defaultGenerateLimits } from '../../../server/inference/session-spec.ts'
import { DeviceSession } from '../../../web/device/device-session.ts'
import { SessionFiles } from '../../../web/device/session-files.ts'
import { draftFor } from '../../../workers/host/text/draft.ts'
import type { GraphSource } from '../../../workers/protocol/lane.ts'
import { createManualClock } from '../../support/manual-clock.ts'

const file = (path: string, sha256: string) => ({ path, size: 1, sha256 })
const variant: Variant = { id: 'fp32', precision: 'fp32', files: [file('model.onnx', 'a')], memory: 1_000 }

const model = (id: string, spec: Partial<GenerationSpec> = {}, more: Partial<Manifest> = {}): Manifest => ({
  schema: 1,
  id,
  version: '1',
  title: id,
  description: '',
  license: 'MIT',
  task: 'text-generation',
  inputs: [],
  outputs: [],
  batchAxis: 0,
  tokenizer: [file('tokenizer.json', 'tokens')],
  generation: {
    context: 100,
    vocabulary: 512,
    stopTokens: [],
    kv: { layers: 1, heads: 2, headDim: 4 },
    ...spec,
  },
  variants: [variant],
  ...more,
})

const target = model('large', { draft: 'small' })

test('a draft model has the tokens of its model', () => {
  const place = { backend: 'cpu', freeBytes: 2 ** 30 } as const
  const draft = draftFor(target, model('small'), place)
  expect(draft).toEqual({ manifest: model('small'), variant, bytes: 1_000 + 100 * 2 * 2 * 4 * 4 })
  const elsewhere = model('small', {}, { variants: [{ ...variant, backends: ['webgpu'] }] })
  expect(draftFor(target, elsewhere, place)).toBe(
    'large does without its draft model small: it has no variant for cpu here',
  )
})

test('a draft model runs as the first of its variants that the device can run', () => {
  const halves = { ...variant, id: 'q4f16', precision: 'q4f16' } as const
  const draft = draftFor(target, model('small', {}, { variants: [halves, variant] }), {
    backend: 'cpu',
    freeBytes: 2 ** 30,
    canRun: ({ precision }) => precision !== 'q4f16',
  })
  expect(draft).toMatchObject({ variant: { id: variant.id } })
})

test.each([
  [model('small', { vocabulary: 500 }), 'expected a vocabulary of 512 tokens, got 500'],
  [
    model('small', {}, { tokenizer: [file('tokenizer.json', 'others')] }),
    'expected the same tokenizer.json, SHA-256 tokens, got others',
  ],
  [model('small', { draft: 'tiny' }), 'expected a model without a draft model of its own, got one with tiny'],
  [target, 'expected a model without a draft model of its own, got one with small'],
  [
    { ...model('small', {}, { task: 'tensor' }), generation: undefined },
    'expected a model that generates text, got tensor',
  ],
])('another model is refused: %#', (other, message) => {
  expect(() => draftFor(target, other, { backend: 'cpu', freeBytes: 2 ** 30 })).toThrow(
    expect.objectContaining({ code: 'manifest_invalid', message: expect.stringContaining(message) }),
  )
})

const entryOf = (manifest: Manifest) => ({ manifest, folder: '/models' })

test('a server names the draft model that is missing', () => {
  const drafts = draftsOf(new ModelCatalogue([entryOf(target)]), { warn: expect.fail })
  expect(drafts.of(entryOf(model('plain')))).toBeUndefined()
  expect(() => drafts.of(entryOf(target))).toThrow(
    expect.objectContaining({
      code: 'model_unknown',
      message: expect.stringContaining('expected a model "small" in the catalogue'),
    }),
  )
})

test('a server leaves a draft model out where memory does not suffice for both, and says so', async () => {
  const entry = entryOf(target)
  const draft = entryOf(model('small'))
  const reasons: string[] = []
  const memoryOf = (memoryBudget: number) =>
    createSessionSpec(
      entry,
      {
        backend: 'cpu',
        variant,
        generateLimits: defaultGenerateLimits,
        draft,
        memoryBudget,
        onLeftOut: (_session, reason) => reasons.push(reason),
      },
      async () => {},
    )
  const both = memoryOf(2 ** 30)
  expect(reasons).toEqual([])
  expect(await both.request()).toMatchObject({
    draft: { model: 'small', source: { from: 'file', path: '/models/model.onnx' }, kvType: 'float32' },
  })
  const alone = memoryOf(both.memory - 1)
  expect(reasons).toEqual(['large does without its draft model small: there is too little memory for both'])
  expect((await alone.request()).draft).toBeUndefined()
  expect(alone.memory).toBeLessThan(both.memory)
})

test('a server whose draft model was changed on disk loads its model without it, and says so', async () => {
  const reasons: string[] = []
  const spec = createSessionSpec(
    entryOf(target),
    {
      backend: 'cpu',
      variant,
      generateLimits: defaultGenerateLimits,
      draft: { manifest: model('small'), folder: '/drafts' },
      onLeftOut: (_session, reason) => reasons.push(reason),
    },
    async (path) => {
      if (path.startsWith('/drafts')) throw new SpillwayError('file_altered', `${path} was changed`)
    },
  )
  const request = await spec.request()
  expect(request.source).toEqual({ from: 'file', path: '/models/model.onnx' })
  expect(request.draft).toBeUndefined()
  expect(reasons).toEqual([expect.stringMatching(/without its draft model small: .*was changed/)])
})

test('a device loads a draft model beside its model, where there is memory for both, and says where not', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const open = async (memoryBudget: number) => {
    const files = new SessionFiles({
      store: { loadFiles: async ({ model }) => [new TextEncoder().encode(model.id).buffer] },
      catalogue: {
        fileOf: (_manifest, one) => ({ ...one, key: { sha256: one.sha256 }, request: () => expect.fail() }),
        draftOf: async () => model('small'),
      },
      memoryBudget,
      canRun: async () => true,
      clock: createManualClock(),
    })
    const session = new DeviceSession(target, variant, 'wasm', (one) => files.graphsOf(one))
    session.draft = await files.findDraft(session, new AbortController().signal)
    return session
  }
  const graphIn = (source: GraphSource | undefined) =>
    source?.from === 'bytes' ? new TextDecoder().decode(source.graph) : undefined
  const both = await open(2 ** 30)
  const { source, draft } = await both.request()
  expect([graphIn(source), draft?.model, graphIn(draft?.source)]).toEqual(['large', 'small', 'small'])
  expect(warn).not.toHaveBeenCalled()
  const alone = await open(both.memory - 1)
  expect((await alone.request()).draft).toBeUndefined()
  expect(warn.mock.calls).toEqual([
    ['spillway: large does without its draft model small: there is too little memory for both'],
  ])
  warn.mockRestore()
})
