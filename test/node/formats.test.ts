/** Formats of texts in a thread of their own, as the server's lanes have it. */
import { afterEach, expect, test } from 'vitest'
import { Formats } from '../../workers/lane/format/formats.ts'
import type { FormatWorker, StartFormatWorker } from '../../workers/lane/format/messages.ts'
import { startFormatWorker } from '../../workers/lane/node/start-format-worker.ts'
import { createManualClock } from '../support/manual-clock.ts'

const start = startFormatWorker(new URL('../../dist/server/formats.js', import.meta.url))

/** One token a character of ASCII that can be seen; the last is a stop token. */
const vocabulary = `${Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join('\n')}\n`
const tokensOf = (text: string) => [...text].map((letter) => letter.charCodeAt(0) - 33)
const stop = 94

const allowedIn = (mask: Int32Array) =>
  Array.from({ length: 32 * mask.length }, (_, token) => token)
    .filter((token) => ((mask[token >> 5] ?? 0) >>> (token & 31)) & 1)
    .map((token) => (token === stop ? 'end' : String.fromCharCode(33 + token)))

let formats: Formats
afterEach(() => formats.close())

function open(startWorker: StartFormatWorker = start) {
  const clock = createManualClock()
  formats = new Formats(startWorker, clock, 97)
  const hold = (regex: string, soFar = '') =>
    formats.hold({ format: { type: 'regex', regex }, vocabulary }, [stop], tokensOf(soFar))
  return { clock, hold }
}

test('says what may come next, after each token and from the middle of a text', async () => {
  const { hold } = open()
  const text = await hold('ab?c')
  expect(allowedIn(text.allowed?.mask ?? new Int32Array())).toEqual(['a'])
  text.goOn(tokensOf('a')[0] ?? 0)
  text.ask({ proposed: [], most: 0 })
  expect(text.allowed).toBeUndefined()
  await text.settled
  expect(allowedIn(text.allowed?.mask ?? new Int32Array())).toEqual(['b', 'c'])
  const moved = await hold('ab?c', 'abc')
  expect(moved.allowed).toMatchObject({ isEnd: true })
  expect(allowedIn(moved.allowed?.mask ?? new Int32Array())).toEqual(['end'])
})

test('looks ahead along what is likely, or where the format leads, and keeps to what it said', async () => {
  const { hold } = open()
  const text = await hold('(one two|one|[0-9]{3})=(yes|no)!!!'.replaceAll(' ', '_'))
  const letters = () => text.path.map(({ token }) => String.fromCharCode(33 + token)).join('')
  text.ask({ proposed: tokensOf('one=maybe'), most: 8 })
  expect(text.isLookingAhead).toBe(true)
  await text.settled
  expect([letters(), text.isForced]).toEqual(['one=', false])
  // As foreseen, until something else comes.
  for (const token of tokensOf('one')) text.goOn(token)
  expect(allowedIn(text.allowed?.mask ?? new Int32Array())).toEqual(['=', '_'])
  expect(letters()).toBe('=')
  for (const token of tokensOf('_')) text.goOn(token)
  expect([text.allowed, letters()]).toEqual([undefined, ''])
  text.ask({ proposed: tokensOf('x'), most: 4 })
  await text.settled
  // The format says what comes.
  expect([letters(), text.isForced]).toEqual(['two=', true])
  for (const token of tokensOf('two=no!')) text.goOn(token)
  text.ask({ proposed: [], most: 8 })
  await text.settled
  // The last letter leads to the end, where nothing is left to choose.
  expect(letters()).toBe('!')
})

test('a format that takes too long fails alone: texts in the same thread go on in the next', async () => {
  const workers: FormatWorker[] = []
  const { clock, hold } = open((...callbacks) => {
    const worker = start(...callbacks)
    workers.push(worker)
    return worker
  })
  const text = await hold('[ab]{3}')
  const failure = expect(hold('(([a-z]{1,160}){1,160}){1,160}')).rejects.toMatchObject({
    code: 'input_value_invalid',
    message: expect.stringContaining('too long to follow: expected at most 10 s'),
  })
  text.goOn(tokensOf('a')[0] ?? 0)
  text.ask({ proposed: [], most: 0 })
  clock.advance(10_000)
  await failure
  await text.settled
  expect(allowedIn(text.allowed?.mask ?? new Int32Array())).toEqual(['a', 'b'])
  expect(workers).toHaveLength(2)
})

test('an engine that comes late costs a format none of its time, and one that never comes ends the wait', async () => {
  const { clock, hold } = open()
  const text = hold('[ab]{3}')
  clock.advance(59_000)
  expect((await text).allowed).toBeDefined()
  formats.close()

  const late = open(() => ({ post: () => {}, terminate: () => {} }))
  const failures = [late.hold('a'), late.hold('b')].map((waiting) =>
    expect(waiting).rejects.toMatchObject({ code: 'run_failed', message: expect.stringContaining('60 s') }),
  )
  late.clock.advance(60_000)
  await Promise.all(failures)
})

test('a format that the engine cannot read, and a text that does not have its format, fail alone', async () => {
  const { hold } = open()
  await expect(hold('[a')).rejects.toMatchObject({ message: expect.stringContaining('Unclosed') })
  await expect(hold('(?=a)b')).rejects.toMatchObject({ message: expect.stringContaining('Lookahead') })
  await expect(hold('ab', 'b')).rejects.toMatchObject({
    message: expect.stringContaining('does not have the format'),
  })
  expect((await hold('ab', 'a')).allowed).toMatchObject({ isEnd: false })
})
