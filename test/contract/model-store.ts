import { describe, expect, test } from 'vitest'
import type { FileSpec } from '../../models/index.ts'
import type { ModelStore } from '../../web/store/store.ts'

export interface StoreSubject {
  /** A store with nothing in it. */
  create(): Promise<ModelStore>
  /** The same store, as the next visit opens it. */
  reopen(): ModelStore
  /** Puts bytes where the store keeps the file, past all its checks. */
  corrupt(file: FileSpec, bytes: ArrayBuffer): Promise<void>
}

const bytesOf = (text: string): ArrayBuffer => new Uint8Array(new TextEncoder().encode(text)).buffer

/** SHA-256 of "abc", from FIPS 180-2. */
const abc: FileSpec = {
  path: 'abc.onnx',
  size: 3,
  sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
}

/** What every store does: it never gives or keeps bytes that are not the file. */
export function modelStoreContract(name: string, { create, reopen, corrupt }: StoreSubject): void {
  describe(`${name} as a model store`, () => {
    test('gives back what it was given, on the next visit too', async () => {
      const store = await create()
      expect(await store.readFile(abc)).toBeUndefined()
      expect(await store.writeFile(abc, bytesOf('abc'))).toBe(true)
      expect(await store.readFile(abc)).toEqual(bytesOf('abc'))
      expect(await reopen().readFile(abc)).toEqual(bytesOf('abc'))
    })

    test.each([
      ['other bytes', 'abd', 'file_altered'],
      ['fewer bytes', 'ab', 'file_truncated'],
      ['more bytes', 'abcd', 'file_altered'],
    ])('refuses %s, and keeps nothing of them', async (_what, text, code) => {
      const store = await create()
      await expect(store.writeFile(abc, bytesOf(text))).rejects.toMatchObject({ code })
      expect(await store.readFile(abc)).toBeUndefined()
    })

    test.each(['abd', 'ab', ''])('notices %j where the file was, and removes it', async (text) => {
      const store = await create()
      await store.writeFile(abc, bytesOf('abc'))
      await corrupt(abc, bytesOf(text))
      expect(await store.readFile(abc)).toBeUndefined()
      await store.writeFile(abc, bytesOf('abc'))
      expect(await store.readFile(abc)).toEqual(bytesOf('abc'))
    })

    test('keeps the manifest last seen at an address', async () => {
      const store = await create()
      expect(await store.readManifest('http://one/')).toBeUndefined()
      await store.writeManifest('http://one/', { id: 'a' })
      await store.writeManifest('http://one/', { id: 'b' })
      expect(await reopen().readManifest('http://one/')).toEqual({ id: 'b' })
      expect(await store.readManifest('http://two/')).toBeUndefined()
    })
  })
}
