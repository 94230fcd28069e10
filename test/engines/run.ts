/**
 * Runs the core suite in every engine, installs those that are missing where it can, and writes the table in README.
 *
 *     npm run test:engines
 */
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { startVitest } from 'vitest/node'
import { installDebian } from '../support/install-debian.ts'
import { chromium } from './drivers/chromium.ts'
import type { EngineDriver } from './drivers/engine-driver.ts'
import { firefox } from './drivers/firefox.ts'
import { webkit } from './drivers/webkit.ts'
import { type EngineId, engineIds, engines } from './engines.ts'
import { type PassedVersions, renderTable, replaceTable } from './table.ts'

const readme = fileURLToPath(new URL('../../README.md', import.meta.url))

const drivers: Readonly<Record<EngineId, EngineDriver>> = { chromium, firefox, webkit }
const missing = () => engineIds.filter((id) => drivers[id].missing() !== undefined)

const packages = missing().flatMap((id): readonly string[] => engines[id].packages)
if (packages.length > 0) installDebian(packages)
const stillMissing = missing()
if (stillMissing.length > 0) {
  for (const id of stillMissing)
    process.stderr.write(`${engines[id].name} is missing: ${drivers[id].missing()}\n`)
  process.stderr.write(`On Debian, as root: apt-get install ${packages.join(' ')}\n`)
  process.exit(1)
}

process.env.SPILLWAY_TEST_ENGINES = 'required'
const vitest = await startVitest('test', [], { project: ['engines'], watch: false })
const tests = vitest.state.getTestModules().flatMap((module) => [...module.children.allTests()])
const versions: Partial<Record<EngineId, string>> = {}
for (const test of tests) {
  const { engine, engineVersion } = test.meta()
  if (engine && engineVersion) versions[engine] = engineVersion
}
const isWhole = tests.length > 0 && engineIds.every((id) => versions[id] !== undefined)
// Vitest has set the exit code where a case failed.
if (isWhole && !process.exitCode) {
  const table = renderTable(versions as PassedVersions)
  await writeFile(readme, replaceTable(await readFile(readme, 'utf8'), table))
  process.stdout.write(`\n${table}`)
}
await vitest.close()
