import { describe, expect, test } from 'vitest'
import { type ErrorCode, errorStatus, isErrorCode, SpillwayError } from '../../models/core/index.ts'

describe('SpillwayError', () => {
  test('says what was expected, what came and what to do', () => {
    const error = new SpillwayError('input_shape_invalid', 'Input "image" has the wrong shape', {
      expected: '[-1, 1, 28, 28]',
      got: '[28, 28]',
      hint: 'Reshape it.',
    })
    expect(error.message).toBe(
      'Input "image" has the wrong shape: expected [-1, 1, 28, 28], got [28, 28]. Reshape it.',
    )
  })

  test('has one full stop where what it quotes ends with one', () => {
    const error = new SpillwayError('run_failed', 'The run failed.', {
      expected: 'an answer.',
      got: 'Aborted.',
      hint: 'Try again.',
    })
    expect(error.message).toBe('The run failed: expected an answer, got Aborted. Try again.')
  })

  test('is short where a name that came has millions of characters', () => {
    const name = 'x'.repeat(1_000_000)
    const detail = { expected: 'image', got: name, param: name, retryAfterMs: 1 }
    const error = new SpillwayError('input_name_invalid', `There is no "${name}"`, detail)
    expect(JSON.stringify(error.toWire()).length).toBeLessThan(10_000)
    expect(error.detail.retryAfterMs).toBe(1)
  })

  test('keeps all its fields through its wire form and a structured clone', () => {
    const error = new SpillwayError('overloaded', 'Full', { got: '9 waiting', retryAfterMs: 40 })
    const back = SpillwayError.fromWire(structuredClone(error.toWire()))
    expect(back).toBeInstanceOf(SpillwayError)
    expect({ code: back.code, message: back.message, detail: back.detail }).toEqual(error.toWire())
    expect(back.status).toBe(503)
  })

  test('from() returns a SpillwayError unchanged, and keeps the message of other errors', () => {
    const ours = new SpillwayError('poisoned', 'Two lanes died')
    expect(SpillwayError.from(ours, 'internal', 'It failed')).toBe(ours)
    expect(SpillwayError.from(new TypeError('no such thing'), 'internal', 'It failed').message).toBe(
      'It failed: no such thing',
    )
  })

  test('has a closed union of codes, each with a status', () => {
    expect(isErrorCode('toString')).toBe(false)
    for (const code of Object.keys(errorStatus)) {
      expect(isErrorCode(code)).toBe(true)
      expect(errorStatus[code as ErrorCode]).toBeGreaterThanOrEqual(400)
    }
  })
})
