import { bodies, type Input } from '../infer-requests.ts'

/** One kind of request that real clients send. */
interface Kind {
  readonly name: string
  /** Callers at once, and milliseconds from an answer to the next request of one. */
  readonly callers: number
  readonly pauseMs: number
  /** The statuses that are right. */
  readonly expected: readonly number[]
  /** Resolves to the status, once the answer has been read or left. */
  ask(url: URL): Promise<number>
}

const read = async (response: Response): Promise<number> => {
  await response.arrayBuffer()
  return response.status
}

const get =
  (path: string, headers: Record<string, string> = {}) =>
  async (url: URL) =>
    read(await fetch(new URL(path, url), { headers }))

const post = (path: string, content: string | Buffer, headers: Record<string, string> = {}) => {
  const body = new Uint8Array(Buffer.from(content))
  return async (url: URL) => read(await fetch(new URL(path, url), { method: 'POST', body, headers }))
}

const image = (rows: number): Input => ({
  name: 'image',
  type: 'float32',
  shape: [rows, 1, 28, 28],
  values: Array.from({ length: rows * 784 }, (_, index) => (index % 7) / 8),
})

const infer = (form: 'json' | 'binary', rows: number) => {
  const { body, headers } = bodies[form](image(rows))
  return post('v2/models/digits/infer', body, headers)
}

const text = (more: object) =>
  JSON.stringify({ model: 'bard', prompt: 'To', max_tokens: 32, ignore_eos: true, ...more })

const leave = async (url: URL) => {
  const leaving = new AbortController()
  const { signal } = leaving
  const body = text({ stream: true, max_tokens: 400 })
  const response = await fetch(new URL('v1/completions', url), { method: 'POST', body, signal })
  const reader = response.body?.getReader()
  for (let parts = 0; parts < 3; parts++) await reader?.read()
  leaving.abort()
  return response.status
}

const report = JSON.stringify({
  ...{ version: 1, device: 'wasm', failed: [{ model: 'digits', code: 'overloaded', requests: 1 }] },
  onDevice: [{ model: 'digits', backend: 'wasm', reason: 'preferred', requests: 2, ms: 3 }],
  onServer: [],
})

const lateBody = JSON.stringify({
  ...JSON.parse(String(bodies.json(image(1)).body)),
  parameters: { timeout: 1 },
})

export const kinds: readonly Kind[] = [
  { name: 'runs in JSON', callers: 4, pauseMs: 20, expected: [200], ask: infer('json', 1) },
  { name: 'large runs in JSON', callers: 1, pauseMs: 200, expected: [200], ask: infer('json', 200) },
  { name: 'runs in binary', callers: 4, pauseMs: 20, expected: [200], ask: infer('binary', 4) },
  { name: 'texts', callers: 2, pauseMs: 100, expected: [200], ask: post('v1/completions', text({ n: 2 })) },
  {
    name: 'streamed texts',
    callers: 2,
    pauseMs: 100,
    expected: [200],
    ask: post('v1/completions', text({ stream: true })),
  },
  { name: 'texts that are left', callers: 1, pauseMs: 300, expected: [200], ask: leave },
  {
    name: 'embeddings',
    callers: 2,
    pauseMs: 50,
    expected: [200],
    ask: post('v1/embeddings', JSON.stringify({ model: 'embedder', input: ['a b', 'c'] })),
  },
  { name: 'model files', callers: 1, pauseMs: 100, expected: [200], ask: get('models/digits/q8/model.onnx') },
  {
    name: 'parts of model files',
    callers: 1,
    pauseMs: 100,
    expected: [206],
    ask: get('models/digits/q8/model.onnx', { range: 'bytes=100-9999' }),
  },
  { name: 'the site', callers: 1, pauseMs: 200, expected: [200], ask: get('') },
  { name: 'metrics', callers: 1, pauseMs: 1_000, expected: [200], ask: get('metrics') },
  { name: 'reports of pages', callers: 1, pauseMs: 200, expected: [204], ask: post('telemetry', report) },
  { name: 'unknown models', callers: 1, pauseMs: 100, expected: [404], ask: post('v2/models/x/infer', '{}') },
  {
    name: 'no JSON',
    callers: 1,
    pauseMs: 100,
    // A model without a place refuses before it reads the body.
    expected: [400, 503],
    ask: post('v2/models/digits/infer', '{'),
  },
  {
    name: 'deadlines that pass',
    callers: 1,
    pauseMs: 100,
    expected: [200, 503],
    ask: post('v2/models/digits/infer', lateBody),
  },
  {
    name: 'bodies that are too long',
    callers: 1,
    pauseMs: 500,
    expected: [413],
    ask: post('v1/completions', Buffer.alloc(9 * 2 ** 20)),
  },
]

export interface MixedLoad {
  /** Answers so far, by the name of their kind. */
  readonly answered: ReadonlyMap<string, number>
  /** Answers that were not as expected. */
  readonly unexpected: readonly string[]
  stop(): Promise<void>
}

/** Sends all kinds of requests at once until it is stopped. */
export function startMixedLoad(url: URL): MixedLoad {
  const answered = new Map<string, number>()
  const unexpected: string[] = []
  let isStopped = false
  const loop = async ({ name, pauseMs, expected, ask }: Kind) => {
    while (!isStopped) {
      const status = await ask(url).catch((cause: Error) => `${cause} ${cause.cause ?? ''}`)
      if (typeof status === 'number' && expected.includes(status))
        answered.set(name, (answered.get(name) ?? 0) + 1)
      else unexpected.push(`${name}: ${status}`)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
  const loops = kinds.flatMap((kind) => Array.from({ length: kind.callers }, () => loop(kind)))
  return {
    answered,
    unexpected,
    stop: async () => {
      isStopped = true
      await Promise.all(loops)
    },
  }
}
