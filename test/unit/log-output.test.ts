import { expect, test } from 'vitest'
import { LogOutput, type WriteBytes } from '../../server/http/log-output.ts'
import { createManualClock } from '../support/manual-clock.ts'

/** An output whose writes end when the test says so. */
function createOutput() {
  const clock = createManualClock()
  const writes: string[] = []
  let done: Parameters<WriteBytes>[1] = () => expect.fail('Nothing is being written')
  const output = new LogOutput((bytes, callBack) => {
    writes.push(Buffer.from(bytes).toString())
    done = callBack
  }, clock)
  const end = () => done(null, Buffer.byteLength(writes.at(-1) ?? ''))
  const fail = (code: string) => done(Object.assign(new Error(code), { code }), 0)
  const part = (bytes: number) => done(null, bytes)
  return { clock, writes, output, end, fail, part }
}

test('lines are written in order, those that came meanwhile together, and the rest of a short write', () => {
  const { clock, writes, output, end, part } = createOutput()
  for (const line of ['a\n', 'b\n', 'c\n']) output.write(line)
  expect(writes).toEqual(['a\n'])
  end()
  clock.advance(10)
  part(3)
  expect(writes).toEqual(['a\n', 'b\nc\n', '\n'])
  end()
  clock.advance(10)
  output.write('d\n')
  expect(writes.at(-1)).toBe('d\n')
})

test('a line after a quiet moment is written at once, those of the next 10 milliseconds together', () => {
  const { clock, writes, output, end } = createOutput()
  output.write('a\n')
  end()
  output.write('b\n')
  clock.advance(9)
  output.write('c\n')
  expect(writes).toEqual(['a\n'])
  clock.advance(1)
  expect(writes).toEqual(['a\n', 'b\nc\n'])
  end()
  expect(clock.waiting).toBe(0)
})

test('the end does not wait for more lines', () => {
  const { clock, writes, output, end } = createOutput()
  output.write('a\n')
  end()
  output.write('b\n')
  let isFlushed = false
  output.flush(() => {
    isFlushed = true
  })
  expect({ writes, isFlushed }).toEqual({ writes: ['a\n', 'b\n'], isFlushed: false })
  end()
  expect({ isFlushed, timers: clock.waiting }).toEqual({ isFlushed: true, timers: 0 })
})

test('a full disk is tried again each second, with the line that failed', () => {
  const { clock, writes, output, end, fail } = createOutput()
  output.write('a\n')
  fail('ENOSPC')
  output.write('b\n')
  clock.advance(999)
  expect(writes).toEqual(['a\n'])
  clock.advance(1)
  expect(writes).toEqual(['a\n', 'a\n'])
  end()
  clock.advance(10)
  expect(writes.at(-1)).toBe('b\n')
})

test('beyond a mebibyte of waiting lines more are dropped, and their number is told', () => {
  const { clock, writes, output, end } = createOutput()
  output.write('a\n')
  const line = `${'x'.repeat(2 ** 18 - 1)}\n`
  for (let at = 0; at < 7; at++) output.write(line)
  end()
  clock.advance(10)
  const [first, second, third, fourth, told] = (writes[1] ?? '').trimEnd().split('\n')
  expect([first, second, third, fourth]).toEqual(new Array(4).fill('x'.repeat(2 ** 18 - 1)))
  expect(JSON.parse(told ?? '')).toMatchObject({ level: 40, lines: 3 })
})

test('the end waits for the last lines, for a second at most', () => {
  const { clock, output, end } = createOutput()
  let ends = 0
  const flush = () => output.flush(() => ends++)
  flush()
  expect(ends).toBe(1)
  output.write('a\n')
  flush()
  expect(ends).toBe(1)
  end()
  expect(ends).toBe(2)
  output.write('b\n')
  flush()
  clock.advance(1_000)
  expect(ends).toBe(3)
})

test('where nobody reads any more, lines are discarded and nothing waits', () => {
  const { clock, writes, output, fail } = createOutput()
  output.write('a\n')
  fail('EPIPE')
  output.write('b\n')
  let isFlushed = false
  output.flush(() => {
    isFlushed = true
  })
  expect({ isFlushed, writes, timers: clock.waiting }).toEqual({
    isFlushed: true,
    writes: ['a\n'],
    timers: 0,
  })
})

test('at the process’s end the lines that still wait are written at once', () => {
  const { writes, output, end } = createOutput()
  output.write('a\n')
  end()
  output.write('b\n')
  output.end()
  output.end()
  expect(writes).toEqual(['a\n', 'b\n'])
})
