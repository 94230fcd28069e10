import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { crashingGraph } from '../support/fatal-models.ts'
import { emptyFolder } from '../support/test-models.ts'

const command = fileURLToPath(new URL('../../dist/server/spillway.js', import.meta.url))
const spillway = (...args: string[]) =>
  spawnSync(process.execPath, [command, ...args], { encoding: 'utf8', timeout: 50_000 })

test('a command tells of a crash of ONNX Runtime: what crashed, on which file, and what may help', async () => {
  const file = join(await emptyFolder(), 'model.onnx')
  writeFileSync(file, crashingGraph())
  const { status, stdout, stderr } = spillway('compare', file, file, '--json')
  expect(status).toBe(1)
  expect(stderr).toMatch(
    /^spillway: ONNX Runtime crashed \(SIG\w+\) while it loaded \S+model\.onnx on cpu\. /,
  )
  expect(JSON.parse(stdout).error).toMatchObject({
    code: 'run_failed',
    detail: { hint: expect.stringContaining('--on wasm') },
  })
})

test('a command keeps its exit code and its output', () => {
  expect(spillway('--version')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+/) })
  expect(spillway('inspect', 'nowhere.onnx')).toMatchObject({ status: 1, stdout: '' })
  expect(spillway('no-command').status).toBe(2)
})
