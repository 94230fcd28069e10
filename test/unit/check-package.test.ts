import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { checkPackage } from '../../web/build/package/check-package.ts'
import { emptyFolder } from '../support/test-models.ts'

const exported = (name: string) => ({ types: `./${name}.d.ts`, default: `./${name}.js` })

async function makePackage(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await emptyFolder()
  onTestFinished(() => rm(folder, { recursive: true }))
  const manifest = {
    name: 'spillway',
    version: '0.1.0',
    license: 'MIT',
    type: 'module',
    sideEffects: false,
    exports: { '.': exported('index'), './react': exported('react') },
  }
  const all = { 'package.json': JSON.stringify(manifest), LICENSE: 'MIT', ...files }
  for (const [name, content] of Object.entries(all)) await writeFile(join(folder, name), content)
  return folder
}

const types = 'export declare const one: string\n'

test('a package within its sizes and with good types passes', async () => {
  const folder = await makePackage({
    'index.js': 'export const one = 1\n',
    'index.d.ts': types,
    'react.js': "import { one } from './index.js'\nexport { one }\n",
    'react.d.ts': types,
  })
  expect((await checkPackage(folder)).filter(({ passes }) => !passes)).toEqual([])
})

test('an entry that is too large, a file that is missing and types that do not resolve are told', async () => {
  const folder = await makePackage({
    'index.js': 'export const one = 1\n',
    'index.d.ts': "export { one } from './nothing'\n",
    'react.js': `import { one } from './index.js'\nexport const two = [one, '${randomBytes(6_000).toString('base64')}']\n`,
  })
  const failed = (await checkPackage(folder)).filter(({ passes }) => !passes)
  expect(failed.map(({ what }) => what)).toEqual(['./react on top, brotli', 'publint', 'are-the-types-wrong'])
  expect(failed.map(({ measured }) => measured)).toEqual([
    expect.stringMatching(/^\d\.\d kB$/),
    expect.stringContaining('react.d.ts'),
    expect.stringContaining('Internal resolution error'),
  ])
})
