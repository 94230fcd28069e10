import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type KeyEntry, keyPrefixes } from '../../models/protocols/api-keys.ts'
import { emptyFolder } from './test-models.ts'

export interface TestKey {
  readonly key: string
  readonly entry: KeyEntry
}

/** A key for a server, or for the pages of the given origins. */
export function testKey(name: string, more: Partial<KeyEntry> = {}): TestKey {
  const kind = more.kind ?? (more.origins ? 'page' : 'server')
  const key = `${keyPrefixes[kind]}${randomBytes(32).toString('base64url')}`
  return { key, entry: { name, kind, sha256: createHash('sha256').update(key).digest('hex'), ...more } }
}

/** Writes a file for `SPILLWAY_KEYS`. */
export async function writeKeys(...keys: readonly TestKey[]): Promise<string> {
  const path = join(await emptyFolder(), 'keys.json')
  await writeFile(path, keysText(...keys))
  return path
}

/** What such a file holds. */
export const keysText = (...keys: readonly TestKey[]): string =>
  JSON.stringify({ keys: keys.map(({ entry }) => entry) })

export const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
