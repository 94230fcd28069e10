import { execFile } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { packPackage } from './pack-package.ts'
import { scriptSizes } from './script-sizes.ts'

/** One thing that a package is checked for. */
export interface PackageCheck {
  readonly what: string
  readonly measured: string
  readonly allowed: string
  readonly passes: boolean
}

const maxPackedBytes = 15e6
/** An adapter comes on top of `.`; `./ort` brings ONNX Runtime's own API. */
function maxScriptBytes(entry: string): number {
  if (entry === '.') return 50e3
  return entry.startsWith('./ort') ? 7e3 : 3e3
}

/** Checks a built package: its sizes, its description by publint, and its types by are-the-types-wrong. */
export async function checkPackage(folder: string): Promise<readonly PackageCheck[]> {
  const temporary = await mkdtemp(join(tmpdir(), 'spillway-package-'))
  try {
    const [tarball, sizes] = await Promise.all([packPackage(folder, temporary), scriptSizes(folder)])
    const [{ size }, messages, types] = await Promise.all([stat(tarball), lint(folder), checkTypes(tarball)])
    const scripts = [...sizes].map(([entry, bytes]) =>
      atMost(`${entry}${entry === '.' ? '' : ' on top'}, brotli`, bytes, maxScriptBytes(entry), 1e3, 'kB'),
    )
    return [
      ...scripts,
      atMost('tarball', size, maxPackedBytes, 1e6, 'MB'),
      faultless('publint', messages),
      faultless('are-the-types-wrong', types),
    ]
  } finally {
    await rm(temporary, { recursive: true })
  }
}

function atMost(what: string, bytes: number, most: number, unit: number, name: string): PackageCheck {
  const measured = `${(bytes / unit).toFixed(1)} ${name}`
  return { what, measured, allowed: `≤ ${most / unit} ${name}`, passes: bytes <= most }
}

const faultless = (what: string, faults: readonly string[]): PackageCheck => ({
  what,
  measured: faults.join('\n') || 'no fault',
  allowed: 'no fault',
  passes: faults.length === 0,
})

async function lint(pkgDir: string): Promise<string[]> {
  // Everything in the folder is packed.
  const { messages, pkg } = await publint({ pkgDir, strict: true, pack: false })
  return messages.map((message) => formatMessage(message, pkg, { color: false }) ?? message.code)
}

const attw = createRequire(import.meta.url).resolve('@arethetypeswrong/cli/package.json')

/** The package is for importers only: bundlers, and Node's `import`. */
async function checkTypes(tarball: string): Promise<string[]> {
  const options = ['--profile', 'esm-only', '--format', 'ascii', '--no-color', '--no-emoji']
  return promisify(execFile)(process.execPath, [join(attw, '../dist/index.js'), tarball, ...options]).then(
    () => [],
    ({ stdout, message }: Error & { readonly stdout: string }) => [stdout || message],
  )
}
