import { resolve } from 'node:path'
import { writePackage } from './write-package.ts'

const [target = 'dist/package'] = process.argv.slice(2)
await writePackage(resolve(target))
