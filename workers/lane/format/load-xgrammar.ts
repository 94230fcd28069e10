import type * as Xgrammar from '@mlc-ai/web-xgrammar'
import { SpillwayError } from '../../../models/core/index.ts'

export interface GrammarLibrary {
  readonly xgrammar: typeof Xgrammar
  /** The last error that it wrote, and forgets it. */
  takeFault(): string | undefined
}

/** What the library wants to find in the realm, and leaves there. */
interface Realm {
  xgrammar?: typeof Xgrammar
  require?: unknown
  __filename?: string
  __dirname?: string
  readonly process?: { getBuiltinModule?(name: 'node:module'): NodeModules; cwd(): string }
}

interface NodeModules {
  createRequire(path: string): unknown
}

/**
 * xgrammar is a UMD script in a package of ES modules. It sets a global, unless a bundler
 * has made a module of it, and in Node it wants the globals of CommonJS. Its errors
 * go to the console, and then it throws `Aborted()`: what it writes is kept here instead.
 *
 * @param load Imports the script.
 */
export async function loadXgrammar(load: () => Promise<unknown>): Promise<GrammarLibrary> {
  const realm: typeof globalThis & Realm = globalThis
  const node = realm.process?.getBuiltinModule?.('node:module')
  if (node && realm.process && !realm.require) {
    realm.__dirname = realm.process.cwd()
    realm.__filename = `${realm.__dirname}/xgrammar.js`
    realm.require = node.createRequire(realm.__filename)
  }
  const loaded = await load()
  const xgrammar = [loaded, Object(loaded).default, realm.xgrammar].find(isXgrammar)
  if (!xgrammar) throw new SpillwayError('run_failed', 'The grammar engine did not load')
  let fault: string | undefined
  await withoutConsole(
    (text) => {
      fault = /^\[FATAL\] .*?\.\w+:\d+: (.*)$/s.exec(text)?.[1]?.trim() ?? fault
    },
    // Its first call starts the WebAssembly, which binds the console's functions.
    () => xgrammar.Grammar.fromEBNF('root ::= "a"').then((grammar) => grammar.dispose()),
  )
  return {
    xgrammar,
    takeFault: () => {
      const taken = fault
      fault = undefined
      return taken
    },
  }
}

const isXgrammar = (value: unknown): value is typeof Xgrammar => Object(value).GrammarCompiler !== undefined

/** What the library's WebAssembly writes for ever goes to `write`. */
async function withoutConsole(write: (text: string) => void, start: () => Promise<void>): Promise<void> {
  const { console } = globalThis
  const { log, error } = console
  Object.assign(console, { log: () => {}, error: (text: unknown) => write(String(text)) })
  try {
    await start()
  } finally {
    Object.assign(console, { log, error })
  }
}
