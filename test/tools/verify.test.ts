import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ModelVerdict } from '../../models/tools/manifest/verify.ts'
import { digitsFolder, emptyFolder } from '../support/test-models.ts'
import { spillway } from './support/command.ts'
import { copyOfDigits, readManifest, writeManifest } from './support/digits-copy.ts'

describe('spillway verify', () => {
  const verify = async (folder: string) => {
    const { code, out } = await spillway('verify', folder, '--json')
    const said: { ok: boolean; models: ModelVerdict[] } = JSON.parse(out)
    return { code, ...said }
  }

  test('accepts the models of the catalogue', async () => {
    const { code, ok, models } = await verify(join(digitsFolder, '..'))
    expect({ code, ok }).toEqual({ code: 0, ok: true })
    expect(models.map(({ id }) => id)).toEqual(expect.arrayContaining(['digits', 'transactions']))
  })

  test.each<[string, (path: string, bytes: Buffer) => void, string]>([
    ['missing', (path) => rmSync(path), 'missing'],
    ['cut short', (path, bytes) => writeFileSync(path, bytes.subarray(1)), 'size'],
    [
      'altered',
      (path, bytes) =>
        writeFileSync(
          path,
          bytes.map((byte, at) => (at === 9 ? byte ^ 1 : byte)),
        ),
      'content',
    ],
  ])('ends with 1 for a file that is %s, and names it', async (_what, spoil, state) => {
    const folder = await copyOfDigits()
    const path = join(folder, 'fp32', 'model.onnx')
    spoil(path, readFileSync(path))
    const { code, ok, models } = await verify(folder)
    expect({ code, ok }).toEqual({ code: 1, ok: false })
    expect(models[0]?.files.find((file) => file.path === 'fp32/model.onnx')?.state).toBe(state)
    const shown = await spillway('verify', folder)
    expect(shown.code).toBe(1)
    expect(shown.out).toContain('1 of 3 files is not what the manifest says')
  })

  test('reads no file outside of the folder', async () => {
    const folder = await copyOfDigits()
    const manifest = readManifest(folder)
    writeManifest(folder, {
      ...manifest,
      variants: manifest.variants.map((one) => ({
        ...one,
        files: one.files.map((file) => ({ ...file, path: '../../etc/passwd' })),
      })),
    })
    const { code, models } = await verify(folder)
    expect(code).toBe(1)
    expect(models[0]?.fault).toContain('a relative path without empty, hidden or ".." parts')
  })

  test('reports a folder without models', async () => {
    const { code, err } = await spillway('verify', await emptyFolder())
    expect(code).toBe(1)
    expect(err).toContain('There is no model in')
    for (const command of ['verify', 'manifest']) {
      expect(await spillway(command, '/nowhere')).toMatchObject({
        code: 1,
        err: 'spillway: There is no folder /nowhere\n',
      })
    }
  })
})
