import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { buildForNode } from '../build-for-node.ts'
import { scenarios } from './scenarios.ts'
import type { Summary } from './summary.ts'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const outDir = path('../../../dist/bench-scale')

/** Young objects live as long as a visit, and the stacks of errors are never read. */
const execArgv = ['--max-semi-space-size=64', '--stack-trace-limit=0']

/** Simulates all scenarios, one after the other, as compiled code: TypeScript sources run at half the speed. */
export async function* simulateAll(): AsyncGenerator<Summary> {
  await buildForNode(path('.'), outDir, { process: path('./process.ts') })
  for (let at = 0; at < scenarios.length; at++) {
    const child = fork(`${outDir}/process.js`, [String(at)], { execArgv })
    yield await new Promise<Summary>((resolve, reject) => {
      child.once('message', (message) => resolve(message as Summary))
      child.once('exit', (code) => reject(new Error(`The simulation ended with ${code}`)))
    })
  }
}
