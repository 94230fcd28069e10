import { expect, test } from 'vitest'
import { CallCollector } from '../../../workers/host/text/openai/call-deltas.ts'

const call = (name: string, json: string, id = `call_${name}`) => ({
  id,
  type: 'function',
  function: { name, arguments: json },
})

test('a call is complete with its arguments, however many events they come in', () => {
  const calls = new CallCollector()
  expect(calls.add([{ index: 0, id: 'call_a', function: { name: 'a', arguments: '' } }])).toEqual([])
  expect(calls.add([{ index: 0, function: { arguments: '{"x": {' } }])).toEqual([])
  expect(calls.add([{ index: 0, function: { arguments: '}}' } }])).toEqual([call('a', '{"x": {}}')])
  expect(calls.add([{ index: 0, function: { arguments: ' ' } }])).toEqual([])
  expect(calls.end()).toEqual([])
})

test('a call whose arguments are no JSON comes when the next one begins, or at the end', () => {
  const calls = new CallCollector()
  expect(calls.add([{ index: 0, id: 'call_a', function: { name: 'a', arguments: '{"x": ' } }])).toEqual([])
  const next = [{ index: 1, function: { name: 'b', arguments: '[' } }]
  expect(calls.add(next)).toEqual([call('a', '{"x": ')])
  expect(calls.end()).toEqual([call('b', '[', 'call_1')])
})
