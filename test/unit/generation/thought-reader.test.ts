import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createThoughtReader } from '../../../workers/host/text/parts/thought-reader.ts'

const markers = { open: '<think>', close: '</think>' }

/** The parts of an answer that comes in these pieces. */
function read(pieces: readonly string[], isOpen = false) {
  const reader = createThoughtReader(markers, isOpen)
  const parts = [...pieces.map((piece) => reader.push(piece)), reader.end()]
  return {
    reasoning: parts.map(({ reasoning }) => reasoning).join(''),
    text: parts.map(({ text }) => text).join(''),
  }
}

const cases: readonly [string, string, boolean, { reasoning: string; text: string }][] = [
  ['no thought', 'Yes. <think> is a tag', false, { reasoning: '', text: 'Yes. <think> is a tag' }],
  ['spaces only', ' \n', false, { reasoning: '', text: ' \n' }],
  ['the begin of a marker', '<thin', false, { reasoning: '', text: '<thin' }],
  [
    'a thought',
    '\n<think>\nIs 2 < 3?\n\n</think>\n\nYes. </think>',
    false,
    { reasoning: 'Is 2 < 3?', text: 'Yes. </think>' },
  ],
  [
    'a thought that the prompt opens',
    'Hm </thin ok\n</think>Yes',
    true,
    { reasoning: 'Hm </thin ok', text: 'Yes' },
  ],
  ['an empty thought', '<think>\n\n</think>\n\nYes', false, { reasoning: '', text: 'Yes' }],
  ['a thought without an end', '<think>Hm </thi', false, { reasoning: 'Hm </thi', text: '' }],
  ['a thought that ends in spaces', 'Hm \n', true, { reasoning: 'Hm', text: '' }],
  ['a thought and no text', '<think>Hm</think>\n', false, { reasoning: 'Hm', text: '' }],
]

test.each(cases)('%s is read, however it is cut into pieces', (_, answer, isOpen, expected) => {
  expect(read([answer], isOpen)).toEqual(expected)
  expect(read([...answer], isOpen)).toEqual(expected)
  fc.assert(
    fc.property(fc.array(fc.nat(answer.length), { maxLength: 6 }), (cuts) => {
      const places = [0, ...cuts.sort((one, other) => one - other), answer.length]
      expect(
        read(
          places.map((place, at) => answer.slice(places[at - 1] ?? 0, place)),
          isOpen,
        ),
      ).toEqual(expected)
    }),
    { numRuns: 50 },
  )
})

test('text goes on at once where no marker begins', () => {
  const reader = createThoughtReader(markers, true)
  expect(reader.push('Hm, ')).toEqual({ reasoning: 'Hm,', text: '' })
  expect(reader.push('so.</think>')).toEqual({ reasoning: ' so.', text: '' })
  expect(reader.isThinking).toBe(false)
  expect(reader.push('Yes')).toEqual({ reasoning: '', text: 'Yes' })
})
