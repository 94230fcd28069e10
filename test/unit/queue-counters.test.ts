import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SpillwayError, type Tensor } from '../../models/core/index.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import { priorities } from '../../workers/host/scheduler/priority.ts'
import { SequenceScheduler } from '../../workers/host/text/sequence-scheduler.ts'
import type { SequenceEvent } from '../../workers/protocol/lane.ts'
import { createEchoScheduler, echo, finish, workOf } from '../support/echo-scheduler.ts'
import { createManualClock } from '../support/manual-clock.ts'

const fates = ['fine', 'fine', 'fails', 'kills'] as const
const wait = {
  priority: fc.constantFrom(...priorities),
  caller: fc.constantFrom(undefined, 'a', 'b', 'c'),
  deadlineMs: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
  abortAfter: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
  /** Milliseconds until the next request. */
  pause: fc.constantFrom(0, 0, 0, 10),
  fate: fc.constantFrom(...fates),
}
const codeOf = (answer: Promise<unknown>) =>
  answer.then(
    () => 'fine',
    (error: SpillwayError) => error.code,
  )

test('a model has its whole queue again, and callers begin alike, whatever became of its requests', async () => {
  const sizes = { rows: fc.integer({ min: 1, max: 4 }), columns: fc.integer({ min: 1, max: 8 }) }
  const requests = fc.array(fc.record({ ...sizes, ...wait }), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(requests, async (asked) => {
      // Every element is the number of its request's fate.
      const fault = ({ data }: Tensor) => {
        const present = new Set([...data].map((value) => fates[Number(value)]))
        if (present.has('kills')) return new SpillwayError('lane_lost', 'Killed')
        return present.has('fails') ? new SpillwayError('run_failed', 'Failed') : undefined
      }
      const { clock, lanes, scheduler } = createEchoScheduler({
        fault,
        maxQueued: 6,
        maxQueuedRows: 20,
        maxQueuedBytes: 100,
      })
      const source = echo({ batching: { maxRows: 1 } })
      const ask = (rows: number, columns: number, value = 0, options = {}) =>
        scheduler.ask(workOf(new Array(rows).fill(new Array(columns).fill(value)), source), options)
      const answers: Promise<string>[] = []
      for (const { rows, columns, fate, abortAfter, pause, ...options } of asked) {
        const left = new AbortController()
        if (abortAfter !== undefined) clock.after(abortAfter, () => left.abort())
        const answer = ask(rows, columns, fates.indexOf(fate), { ...options, signal: left.signal })
        answers.push(codeOf(answer))
        if (pause === 0) continue
        clock.advance(pause)
        await new Promise(setImmediate)
      }
      await finish(clock, scheduler)
      await Promise.all(answers)

      const codesOf = async (sizes: readonly (readonly [rows: number, columns: number])[]) => {
        const asked = sizes.map(([rows, columns]) => codeOf(ask(rows, columns)))
        await finish(clock, scheduler)
        return Promise.all(asked)
      }
      // Each fills one bound; one request more has no place.
      const full = ['fine', 'fine', 'overloaded']
      expect(
        await codesOf([
          [1, 1],
          [19, 1],
          [1, 1],
        ]),
      ).toEqual(full)
      expect(
        await codesOf([
          [1, 10],
          [1, 15],
          [1, 1],
        ]),
      ).toEqual(full)
      expect((await codesOf(new Array(7).fill([1, 1]))).slice(4)).toEqual(full)

      lanes.batches.length = 0
      const callers = ['a', 'a', 'a', 'b']
      const turns = callers.map((caller, column) => ask(1, column + 1, 0, { caller }))
      await finish(clock, scheduler)
      await Promise.all(turns)
      expect(lanes.batches.map(({ shape }) => shape[1])).toEqual([1, 4, 2, 3])
    }),
    { numRuns: 200 },
  )
})

/** A lane that gives each sequence a token a step, or what becomes of it. A token of 1 fails its sequence. */
function stepLane() {
  const running = new Map<number, number>()
  const lane: Pick<Lane, 'addSequences' | 'cancelSequences' | 'takeEvents'> = {
    addSequences: async (_session, added) => {
      for (const { id, request } of added) running.set(id, request.prompt[0] ?? 0)
    },
    cancelSequences: async (_session, ids) => {
      for (const id of ids) running.delete(id)
    },
    takeEvents: async () => {
      await new Promise(setImmediate)
      const events: SequenceEvent[] = []
      for (const [id, fate] of running) {
        if (fates[fate] === 'kills') throw new SpillwayError('lane_lost', 'Killed')
        const error = new SpillwayError('run_failed', 'Failed').toWire()
        events.push(
          fates[fate] === 'fails'
            ? { id, tokens: [], error }
            : { id, tokens: [{ token: 5 }], finish: 'length' },
        )
        running.delete(id)
      }
      return { events, load: { slots: 2, running: running.size, waiting: 0, kvUsage: 0 } }
    },
  }
  return lane as Lane
}

test('a language model has its whole queue again, whatever became of its texts', async () => {
  const length = fc.integer({ min: 1, max: 30 })
  const texts = fc.array(fc.record({ length, ...wait }), { maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(texts, async (asked) => {
      const clock = createManualClock()
      const generator = new SequenceScheduler({
        session: 'steps',
        spec: { context: 1_000, vocabulary: 100, stopTokens: [], kv: { layers: 1, heads: 1, headDim: 1 } },
        lease: async () => ({ lane: stepLane(), release: () => {} }),
        executedOn: { backend: 'cpu', variant: 'fp32' },
        slots: 2,
        maxWaiting: 5,
        maxWaitingTokens: 100,
        clock,
      })
      const ask = (length: number, value: number, options = {}) =>
        codeOf(
          generator.generate(
            {
              prompt: new Array(length).fill(value),
              generated: 0,
              maxTokens: 1,
              stopTokens: [],
              sampling: {},
            },
            options,
          ).result,
        )
      const answers: Promise<string>[] = []
      for (const { length, fate, abortAfter, pause, ...options } of asked) {
        const left = new AbortController()
        if (abortAfter !== undefined) clock.after(abortAfter, () => left.abort())
        answers.push(ask(length, fates.indexOf(fate), { ...options, signal: left.signal }))
        if (pause === 0) continue
        clock.advance(pause)
        await new Promise(setImmediate)
      }
      await Promise.all(answers)
      expect(generator.load).toMatchObject({ running: 0, waiting: 0 })
      // One that waits takes a place: whether others fit beside it tells what is counted.
      const waiting = ask(40, 0)
      expect(generator.refusal(4, 60)).toBeUndefined()
      expect(generator.refusal(4, 61)?.code).toBe('overloaded')
      expect(generator.refusal(5, 60)?.code).toBe('overloaded')
      expect(await waiting).toBe('fine')
      generator.close()
    }),
    { numRuns: 100 },
  )
})
