import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CheckedInputs, SpillwayError } from '../../models/core/index.ts'
import type { CatalogueEntry } from '../../server/inference/catalogue.ts'
import type { Inference } from '../../server/inference/inference.ts'

export interface EngineSubject {
  readonly inference: Inference
  /** `digits`, prepared. */
  readonly entry: CatalogueEntry
  close(): void
}

/** Rows of one value each. */
const rowsOf = (...values: number[]): CheckedInputs => ({
  tensors: {
    image: {
      type: 'float32',
      data: Float32Array.from(
        { length: values.length * 784 },
        (_, index) => values[Math.floor(index / 784)] ?? 0,
      ),
      shape: [values.length, 1, 28, 28],
    },
  },
  rows: values.length,
})

/** A request whose deadline has passed while its body was read. */
const late = () => ({ askedAt: performance.now() - 2_000, deadlineMs: 1_000 })

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (cause) => (cause instanceof SpillwayError ? cause.code : expect.fail(String(cause))),
  )

/** What every engine of the server does, be it the lanes of this machine or an upstream. All engines run the same model. */
export function engineContract(name: string, open: () => Promise<EngineSubject>): void {
  describe(`${name} as an engine`, { timeout: 30_000 }, () => {
    let engine: EngineSubject
    beforeAll(async () => {
      engine = await open()
    })
    afterAll(() => engine.close())
    const run = (inputs: CheckedInputs, wait = {}) => engine.inference.run(engine.entry, inputs, wait)
    const logits = async (inputs: CheckedInputs) => {
      const { outputs } = await run(inputs)
      return [...(outputs.logits?.data ?? [])].map(Number)
    }

    test('is ready, without a queue, and refuses nothing', () => {
      expect(engine.inference.state(engine.entry)).toBe('ready')
      expect(engine.inference.queueMs(engine.entry)).toBe(0)
      expect(engine.inference.refusal(engine.entry, {})).toBeUndefined()
    })

    test('answers with the outputs of the manifest, and says what took how long', async () => {
      const answer = await run(rowsOf(0.25, 0.5))
      expect(answer.outputs.logits).toMatchObject({ type: 'float32', shape: [2, 10] })
      expect(answer.queueMs).toBeGreaterThanOrEqual(0)
      expect(answer.computeMs).toBeGreaterThan(0)
      expect(answer.costMs).toBeGreaterThan(0)
      expect(answer.batchRows).toBeGreaterThanOrEqual(2)
    })

    test('gives each of many requests its own answer', async () => {
      const values = Array.from({ length: 40 }, (_, index) => index / 40)
      const alone = await logits(rowsOf(...values))
      const answers = await Promise.all(values.map((value) => logits(rowsOf(value))))
      for (const [index, answer] of answers.entries())
        for (const [at, logit] of answer.entries())
          expect(logit).toBeCloseTo(alone[index * 10 + at] ?? Number.NaN, 3)
    })

    test('returns the outputs that are asked for', async () => {
      const { outputs } = await run({ ...rowsOf(0.5), outputs: ['logits'] })
      expect(Object.keys(outputs)).toEqual(['logits'])
    })

    test('ends a request at its deadline, and one whose caller has left', async () => {
      expect(await codeOf(run(rowsOf(0.5), late()))).toBe('deadline_exceeded')
      const controller = new AbortController()
      const result = codeOf(run(rowsOf(0.5), { signal: controller.signal }))
      controller.abort()
      expect(await result).toBe('aborted')
      expect(await codeOf(run(rowsOf(0.5), { signal: controller.signal }))).toBe('aborted')
    })

    test('counts what it answered and what failed', async () => {
      const counts = engine.inference.runCounts(engine.entry)
      const { successes, failures } = structuredClone(counts)
      await run(rowsOf(0.5))
      await codeOf(run(rowsOf(0.5), late()))
      expect(counts.successes).toBe(successes + 1)
      expect(counts.failures.REJECTED).toBe(failures.REJECTED + 1)
      const { id, version } = engine.entry.manifest
      const models = engine.inference
        .stats()
        .models.filter(({ session }) => session.startsWith(`${id}@${version}/`))
      expect(models.reduce((sum, { rows }) => sum + rows, 0)).toBeGreaterThanOrEqual(counts.successes)
    })

    test('closed, it ends what it has and refuses what comes, for the reason given', async () => {
      const other = await open()
      const result = codeOf(other.inference.run(other.entry, rowsOf(0.5), {}))
      // As at the end of a shutdown.
      other.inference.close(new SpillwayError('server_draining', 'The server is shutting down'))
      expect(await result).toBe('server_draining')
      expect(await codeOf(other.inference.run(other.entry, rowsOf(0.5), {}))).toBe('server_draining')
      other.close()
    })
  })
}
