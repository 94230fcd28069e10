import { expect, test } from 'vitest'
import { charactersOf } from '../../server/inference/prompt-length.ts'
import { jobOf } from '../../server/offload/job-of.ts'
import { copyAnswer } from '../../server/routes/oip/copy-answer.ts'

test('a view counts with its whole buffer, which moves', () => {
  const { bytes, transfer } = jobOf({}, [new Uint8Array(new ArrayBuffer(1_000), 10, 100)])
  expect([bytes, transfer?.length]).toEqual([1_000, 1])
})

test('views of one buffer count, and move, once', () => {
  const buffer = new ArrayBuffer(1_000)
  const { bytes, transfer } = jobOf({}, [new Uint8Array(buffer, 0, 4), new Float32Array(buffer, 8, 4)])
  expect([bytes, transfer]).toEqual([1_000, [buffer]])
})

test('an answer counts with its strings, and with its own rows of a batch', () => {
  const batch = new Float32Array(1_000)
  const [{ answer }, { bytes, transfer }] = copyAnswer(
    {},
    {
      model: { id: 'm', version: '1' },
      id: undefined,
      requested: [
        { name: 'numbers', binary: false },
        { name: 'words', binary: false },
      ],
      answer: {
        outputs: {
          numbers: { type: 'float32', data: batch.subarray(10, 20), shape: [10] },
          words: { type: 'string', data: ['a'.repeat(100), 'b'.repeat(50)], shape: [2] },
          unrequested: { type: 'string', data: ['c'.repeat(1_000)], shape: [1] },
        },
        executedOn: { backend: 'cpu', variant: 'v' },
        queueMs: 0,
        computeMs: 0,
      },
    },
  )
  expect(bytes).toBe(40 + 2 * 4 + 150)
  expect(transfer?.map(({ byteLength }) => byteLength)).toEqual([40])
  expect(Object.keys(answer.outputs)).toEqual(['numbers', 'words'])
  expect(batch.buffer.byteLength).toBe(4_000)
})

test("a chat's calls of tools, thoughts and template arguments count as its text does", () => {
  const long = 'x'.repeat(1_000)
  const characters = charactersOf(
    [
      {
        messages: [
          {
            role: 'assistant',
            content: long,
            reasoning_content: long,
            tool_calls: [{ type: 'function', function: { name: 'f', arguments: long } }],
          },
        ],
      },
    ],
    { documents: [long] },
  )
  expect(characters).toBeGreaterThan(4_000)
})
