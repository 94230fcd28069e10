import { expect, test } from 'vitest'
import { TaskTurns } from '../../web/adapters/transformers/task-turns.ts'

/** Turns whose tasks the test runs, and the names of the calls that have had theirs. */
function manualTurns() {
  const tasks: (() => void)[] = []
  const turns = new TaskTurns((task) => void tasks.push(task))
  const had: string[] = []
  const call = (name: string) => void turns.next().then(() => had.push(name))
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  const runTask = async () => {
    tasks.shift()?.()
    await settle()
  }
  return { call, had, settle, runTask, tasks }
}

test('of calls at the same time, the first goes on at once and each other in a task of its own', async () => {
  const { call, had, settle, runTask, tasks } = manualTurns()
  for (const name of ['a', 'b', 'c']) call(name)
  await settle()
  expect(had).toEqual(['a'])
  await runTask()
  expect(had).toEqual(['a', 'b'])
  call('d')
  await runTask()
  expect(had).toEqual(['a', 'b', 'c'])
  await runTask()
  expect(had).toEqual(['a', 'b', 'c', 'd'])
  await runTask()
  expect(tasks).toEqual([])
})

test('a call after the last task goes on at once', async () => {
  const { call, had, settle, runTask } = manualTurns()
  call('a')
  await runTask()
  call('b')
  await settle()
  expect(had).toEqual(['a', 'b'])
})
