import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCatalogue } from '../../server/inference/catalogue.ts'
import { type EngineSubject, engineContract } from '../contract/upstream.ts'
import { createCpuInference } from '../support/cpu-inference.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { seeded } from '../support/seeded.ts'
import { isAlive, startServer, type TestServer } from '../support/server.ts'
import { digitsFolder, digitsManifest } from '../support/test-models.ts'
import { startTriton, type TritonFault } from '../support/triton-server.ts'
import { rowsOf, startFront } from '../support/upstream-front.ts'

/** `digits` in lanes of its own. */
async function openLanes(): Promise<EngineSubject> {
  const entry = (await readCatalogue([digitsFolder])).get('digits')
  if (!entry) throw new Error('There is no digits')
  const inference = createCpuInference()
  await inference.prepare(entry)
  return { inference, entry, close: () => inference.close() }
}

async function openFront(url: URL, close: () => unknown = () => {}): Promise<EngineSubject> {
  const front = await startFront({ urls: [url.href] })
  return {
    inference: front.inference,
    entry: front.entry(),
    close: () => {
      front.close()
      close()
    },
  }
}

const image = (pixels: Float32Array, rows: number) =>
  ({ image: { type: 'float32', data: pixels, shape: [rows, 1, 28, 28] } }) as const

let servers: TestServer[]
beforeAll(async () => {
  servers = await Promise.all([startServer(), startServer()])
}, 60_000)
afterAll(() => Promise.all(servers.filter(({ pid }) => isAlive(pid)).map((server) => server.stop())))

const server = (index: number) => servers[index] ?? expect.fail('it did not start')

engineContract('lanes', openLanes)
engineContract('another Spillway', () => openFront(server(0).url))
engineContract('Triton', async () => {
  const lanes = await openLanes()
  const triton = await startTriton('digits', async (pixels, rows) => {
    const { outputs } = await lanes.inference.run(lanes.entry, { tensors: image(pixels, rows), rows }, {})
    return Float32Array.from(outputs.logits?.data ?? [], Number)
  })
  return openFront(triton.url, async () => {
    await triton.stop()
    lanes.close()
  })
})

test('random faults of three replicas: each request is answered once, rightly or with a code that says why', async () => {
  const replicas = await Promise.all([1, 2, 3].map(() => startTriton('digits')))
  const clock = createManualClock()
  const front = await startFront({ urls: replicas.map(({ url }) => url.href) }, clock)
  // Time passes as the process gets on, which has all of the servers: a busy machine does not bring deadlines nearer.
  const passing = setInterval(() => clock.advance(1), 1)
  const random = seeded(7)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] ?? expect.fail()
  const faults: readonly TritonFault[] = ['reset', 'half a body', 'no JSON', 'hang', 500, 503]
  const outcomes: Record<string, number> = {}
  let left = 300
  const callOften = async () => {
    while (left-- > 0) {
      // One replica at a time is at fault, so that each request has others.
      if (left % 10 === 0) for (const replica of replicas) replica.fault = 'none'
      if (left % 10 === 0) pick(replicas).fault = pick(faults)
      const value = Math.ceil(random() * 8) / 8
      const response = await front.infer([value], {}, { timeout: 300_000 })
      const { outputs, error } = await response.json()
      const code = response.headers.get('spillway-error') ?? 'answered'
      outcomes[code] = (outcomes[code] ?? 0) + 1
      const right = Array.from({ length: 10 }, (_, index) => 784 * value * index)
      if (code === 'answered') expect(outputs[0].data).toEqual(right)
      else expect(['deadline_exceeded', 'run_failed'], error).toContain(code)
    }
  }
  await Promise.all(Array.from({ length: 6 }, callOften))
  const { answered = 0, deadline_exceeded: late = 0, run_failed: failed = 0 } = outcomes
  expect(answered + late + failed).toBe(300)
  expect(answered).toBeGreaterThan(200)
  expect(front.replicas().map(({ inFlight }) => inFlight)).toEqual([0, 0, 0])
  clearInterval(passing)
  front.close()
  await Promise.all(replicas.map((replica) => replica.stop()))
})

describe('two Spillways behind one', () => {
  /** The logits of a row, by a server that has the model. */
  const expectedOf = async (value: number) => {
    const body = rowsOf([value])
    const response = await fetch(new URL('v2/models/digits/infer', server(0).url), { method: 'POST', body })
    return (await response.json()).outputs[0].data as number[]
  }

  test('say which of them answered, with which variant, and how long a request would wait', async () => {
    const front = await startFront({ urls: servers.map(({ url }) => url.href) })
    const response = await front.infer([0.5])
    const { parameters } = await response.json()
    expect(parameters).toMatchObject({ backend: 'cpu', variant: digitsManifest.variants[0]?.id })
    expect(Number(response.headers.get('spillway-queue-ms'))).toBeGreaterThanOrEqual(0)
    front.close()
  })

  test('one hangs: its requests go to the other', async () => {
    const clock = createManualClock()
    const front = await startFront({ urls: servers.map(({ url }) => url.href) }, clock)
    const { pid } = server(1)
    process.kill(pid, 'SIGSTOP')
    const inputs = { tensors: image(new Float32Array(784), 1), rows: 1 }
    const run = () => front.inference.run(front.entry(), inputs, { deadlineMs: 60_000 })
    const answers = [run(), run()]
    await answers[0]
    expect(front.replicas().map(({ inFlight }) => inFlight)).toEqual([0, 1])
    // It is asked after three seconds of silence, and has two to answer.
    clock.advance(3_000)
    clock.advance(2_000)
    expect((await answers[1])?.replica).toBe(server(0).url.host)
    process.kill(pid, 'SIGCONT')
    front.close()
  })

  test('one is killed under load: each request is answered once, and rightly', {
    timeout: 30_000,
  }, async () => {
    const front = await startFront({ urls: servers.map(({ url }) => url.href) })
    const values = Array.from({ length: 8 }, (_, index) => index / 8)
    const expected = await Promise.all(values.map(expectedOf))
    let sent = 0
    let isKilled = false
    const answers: { readonly status: number; readonly isRight: boolean }[] = []
    const callOften = async () => {
      while (sent < 160) {
        const index = sent++
        if (index === 50) {
          process.kill(server(1).pid, 'SIGKILL')
          isKilled = true
        }
        const at = index % values.length
        const response = await front.infer([values[at] ?? 0])
        const { outputs, error } = await response.json()
        const logits: number[] = outputs?.[0].data ?? []
        const isRight = logits.every((logit, place) => Math.abs(logit - (expected[at]?.[place] ?? 0)) < 1e-3)
        if (response.status !== 200) throw new Error(error)
        answers.push({ status: response.status, isRight: isRight && logits.length === 10 })
      }
    }
    await Promise.all(Array.from({ length: 8 }, callOften))
    expect(isKilled).toBe(true)
    expect(answers).toHaveLength(160)
    expect(answers.every(({ isRight }) => isRight)).toBe(true)
    expect(front.replicas().map(({ isOut }) => isOut)).toEqual([false, true])
    expect(front.replicas()[1]?.outcomes.answered).toBeGreaterThan(0)
    front.close()
  })
})
