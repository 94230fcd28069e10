import { fileURLToPath } from 'node:url'
import { buildForNode } from '../build-for-node.ts'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** Beside the output of `npm run build`: a server finds its lanes' entry relative to itself. */
const outDir = path('../../../dist/bench')

/** Builds both servers and their client as the product is built, because TypeScript sources run slower. Returns their files. */
export async function buildServers(): Promise<Record<'ours' | 'plain' | 'client', string>> {
  await buildForNode(path('.'), outDir, {
    ours: path('./ours.ts'),
    plain: path('./plain.ts'),
    client: path('./client.ts'),
  })
  return { ours: `${outDir}/ours.js`, plain: `${outDir}/plain.js`, client: `${outDir}/client.js` }
}
