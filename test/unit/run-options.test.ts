import { expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { checkRunOptions, checkRuntimeOptions } from '../../web/api/check-options.ts'

/** As from plain JavaScript, which has no types. */
const untyped = (text: string) => JSON.parse(text)

test('a timeout that there is not is refused, and those that there are are taken', () => {
  expect(() => checkRuntimeOptions(untyped('{"timeouts":{"run":1}}'))).toThrow(SpillwayError)
  expect(() => checkRuntimeOptions(untyped('{"timeouts":{"run":1}}'))).toThrow(/no option "run"/)
  checkRuntimeOptions({ timeouts: { loadMs: 1, warmUpMs: 1, runMs: 1 } })
})

test('outputs that are no list are refused with a code', () => {
  expect(() => checkRunOptions(untyped('{"outputs":"logits"}'))).toThrow(
    expect.objectContaining({ code: 'input_value_invalid' }),
  )
  checkRunOptions({ outputs: ['logits'] })
})
