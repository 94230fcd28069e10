import { expect, test } from 'vitest'
import { Sequence } from '../../../workers/lane/decode/sequence.ts'
import { SequenceQueue } from '../../../workers/lane/decode/sequence-queue.ts'
import type { Slots } from '../../../workers/lane/decode/slots.ts'
import { cpuChooser } from '../../../workers/lane/sampling/cpu-chooser.ts'
import { createSampler } from '../../../workers/lane/sampling/sampler.ts'

const sequence = (id: number) =>
  new Sequence(
    id,
    { prompt: [1], generated: 0, maxTokens: 4, stopTokens: [], sampling: {} },
    64,
    cpuChooser(createSampler),
  )

/** Room for so many sequences. */
function slotsFor(fitting: number): Slots<Sequence> {
  return {
    context: 64,
    usage: 0,
    assign: (owner) => {
      owner.slot = owner.id
      return 0
    },
    share: () => undefined,
    reserve: (owners) => owners.length <= fitting,
    room: () => 64,
    release: (owner) => {
      owner.slot = undefined
    },
    preempt: (owner) => {
      owner.slot = undefined
    },
    clear: () => {},
    shrink: () => {},
  }
}

test.each([
  [2, [0, 1], [2]],
  [0, [], [0, 1, 2]],
])('where there is room for %i, the others wait in the order in which they came', (fitting, run, wait) => {
  const queue = new SequenceQueue(slotsFor(fitting), { add: () => {} })
  for (const id of [0, 1, 2]) queue.add(sequence(id))
  expect(queue.admit()).toBeUndefined()
  let asked: readonly Sequence[] = []
  queue.reserve(() => {
    asked = [...queue.running]
    return asked
  })
  const ids = (sequences: readonly Sequence[]) => sequences.map(({ id }) => id)
  expect([ids(asked), ids(queue.running), ids(queue.waiting)]).toEqual([run, run, wait])
})
