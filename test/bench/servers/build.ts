import { fileURLToPath } from 'node:url'
import { buildForNode } from '../build-for-node.ts'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** Beside the output of `npm run build`: a server finds its lanes' entry relative to itself. */
const outDir = path('../../../dist/bench')

const names = ['ours', 'plain', 'proxy', 'client'] as const

/** Builds the servers and their client as the product is built, because TypeScript sources run slower. Returns their files. */
export async function buildServers(): Promise<Record<(typeof names)[number], string>> {
  const entries = Object.fromEntries(names.map((name) => [name, path(`./${name}.ts`)]))
  await buildForNode(path('.'), outDir, entries)
  const file = (name: string) => `${outDir}/${name}.js`
  return { ours: file('ours'), plain: file('plain'), proxy: file('proxy'), client: file('client') }
}
