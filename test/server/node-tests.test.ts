/**
 * Tests of ONNX's operators, through `spillway manifest` and the server. The ONNX project's own are run where their folder
 * is at hand: SPILLWAY_TEST_OPERATORS names it (`backend/test/data/node` of onnx's repository, or Debian's libonnx-testdata).
 */
import { existsSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { readNodeTests, writeNodeTest } from '../support/node-tests.ts'
import { operatorTests } from '../support/operator-tests.ts'
import { type NodeResult, runNodeTests } from '../support/run-node-tests.ts'
import { emptyFolder } from '../support/test-models.ts'

const published = process.env.SPILLWAY_TEST_OPERATORS
const reason =
  published !== undefined && existsSync(published) ? undefined : 'SPILLWAY_TEST_OPERATORS is not a folder'

const named = (results: readonly NodeResult[], verdict: NodeResult['verdict']) =>
  results.filter((result) => result.verdict === verdict).map(({ name, detail }) => `${name}: ${detail}`)

describe('operators of our own tests', () => {
  let results: NodeResult[] = []
  beforeAll(async () => {
    const folder = await emptyFolder()
    for (const [name, parts] of Object.entries(operatorTests)) writeNodeTest(folder, name, parts)
    results = await runNodeTests(readNodeTests(folder))
  })

  test.each(Object.keys(operatorTests))(
    '%s is described, and answered rightly alone and together',
    (name) => {
      expect(results.find((result) => result.name === name)).toEqual({ name, verdict: 'right', detail: '' })
    },
  )
})

test.skipIf(reason !== undefined)(
  `ONNX's own tests are answered rightly by at least 99% of what ONNX Runtime answers so, and never wrongly${reason ? ` (skipped: ${reason})` : ''}`,
  { timeout: 600_000 },
  async () => {
    const results = await runNodeTests(readNodeTests(published ?? ''))
    expect(named(results, 'wrong')).toEqual([])
    expect(results.length).toBeGreaterThan(0)
    const refused = named(results, 'refused')
    expect(refused.length / results.length, refused.join('\n')).toBeLessThanOrEqual(0.01)
  },
)
