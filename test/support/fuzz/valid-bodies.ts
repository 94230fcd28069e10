/** A valid body for each kind of route, from which random ones are made. */
import type { Json } from './mutate-json.ts'

const image = new Array(784).fill(0.5)
const input = (name: string, shape: number[], data: Json[], datatype = 'FP32'): Json => ({
  name,
  datatype,
  shape,
  data,
})

/** A valid body of a route, and the model that its path names, if it does. */
export interface ValidBody {
  readonly model: string
  readonly body: Json
}

/** By the end of a route's path. */
const bodies: readonly (readonly [end: string, bodies: readonly Json[]])[] = [
  [
    '/chat/completions',
    [
      { model: 'bard', messages: [{ role: 'user', content: 'To' }], max_tokens: 2 },
      {
        model: 'bard',
        messages: [
          { role: 'system', content: 'You' },
          { role: 'user', content: [{ type: 'text', text: 'To' }] },
        ],
        max_tokens: 3,
        stream: true,
        stream_options: { include_usage: true },
        logprobs: true,
        top_logprobs: 2,
      },
    ],
  ],
  [
    '/completions',
    [
      { model: 'bard', prompt: 'To', max_tokens: 2, n: 2, seed: 1, stop: ['.'] },
      {
        model: 'bard',
        prompt: [[1, 2], [3]],
        max_tokens: 2,
        stream: true,
        logit_bias: { 5: 1 },
        logprobs: 1,
      },
    ],
  ],
  [
    '/embeddings',
    [
      { model: 'embedder', input: ['a', 'b'], encoding_format: 'float' },
      { model: 'bard', input: 'a' },
    ],
  ],
  ['/responses', [{ model: 'bard', input: 'To', max_output_tokens: 2, store: false }]],
  ['/token', [{ key: 'pk_unknown' }]],
  [
    '/telemetry',
    [
      {
        version: 1,
        device: 'wasm',
        onDevice: [{ model: 'digits', backend: 'wasm', reason: 'preferred', requests: 1, ms: 3 }],
        onServer: [{ model: 'digits', reason: 'spill', requests: 1, ms: 3 }],
        failed: [{ model: 'digits', code: 'overloaded', requests: 1 }],
      },
    ],
  ],
]

/** Runs, each of the model that its path names. */
const runs: readonly ValidBody[] = [
  {
    model: 'digits',
    body: { id: 'a', inputs: [input('image', [1, 1, 28, 28], image)], outputs: [{ name: 'logits' }] },
  },
  {
    model: 'digits',
    body: {
      inputs: [input('image', [2, 1, 28, 28], [...image, ...image])],
      parameters: { priority: 1, timeout: 10_000_000 },
    },
  },
  { model: 'transactions', body: { inputs: [input('features', [1, 16], new Array(16).fill(1))] } },
  { model: 'cities', body: { inputs: [input('city', [2, 1], ['Rome', 'Zürich'], 'BYTES')] } },
  {
    model: 'two-outputs',
    body: {
      inputs: [input('x', [2, 3], [1, 2, 3, 4, 5, 6])],
      outputs: [{ name: 'y', parameters: { binary_data: true } }],
    },
  },
  { model: 'any-shape', body: { inputs: [input('x', [1, 2], [1, 2])] } },
]

/** Any route without a body of its own gets an object. */
const others: readonly ValidBody[] = [
  { model: 'digits', body: {} },
  { model: 'digits', body: { name: 'digits', parameters: { unload_dependents: true } } },
]

export function validBodies(path: string): readonly ValidBody[] {
  if (path.endsWith('/infer')) return runs
  const own = bodies.find(([end]) => path.endsWith(end))?.[1]
  return own?.map((body) => ({ model: 'bard', body })) ?? others
}
