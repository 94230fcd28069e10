import { resolve } from 'node:path'
import { checkPackage } from './check-package.ts'
import { writePackage } from './write-package.ts'

const [target = 'dist/package'] = process.argv.slice(2)
const folder = resolve(target)
await writePackage(folder)
const checks = await checkPackage(folder)
for (const { what, measured, allowed, passes } of checks)
  process.stdout.write(`${passes ? 'ok  ' : 'no  '}${what.padEnd(32)}${allowed.padEnd(12)}${measured}\n`)
if (checks.some(({ passes }) => !passes)) process.exitCode = 1
