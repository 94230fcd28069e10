import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** @param path From the root of the repository. */
export const readDocument = (path: string): Promise<string> =>
  readFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')

/** A document's one block that is of the language and holds the text. */
export function block(document: string, language: string, holds: string): string {
  const blocks = [...document.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)]
  const found = blocks.filter(([, name, code = '']) => name === language && code.includes(holds))
  if (found.length !== 1)
    throw new Error(`There are ${found.length} blocks in ${language} with ${holds}: expected one`)
  return found[0]?.[2] ?? ''
}
