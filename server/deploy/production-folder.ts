/**
 * Writes a folder that holds what a server needs and nothing else: `npm run build:server -- FOLDER`. It has the built
 * server and site, the catalogue, and of the installed packages those that the server imports, for one platform. Start it
 * there with `node dist/server/main.js`.
 */
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** The processes and threads of a server. */
const entries = ['main.js', 'lane.js', 'formats.js', 'offload.js']

/** Packages whose dependencies are for their installation only. */
const withoutDependencies: Readonly<Record<string, readonly string[]>> = {
  'onnxruntime-node': ['adm-zip', 'global-agent'],
}

/** Folders at the top of a package, and files, that no program reads. */
const unusedFolders = new Set(['test', 'tests', 'docs', 'examples', 'benchmarks', '.github', 'script'])
const unusedFiles = /\.(map|md|markdown|ts|mts|cts|flow|yml)$/

interface Platform {
  readonly platform: string
  readonly arch: string
}

/** @returns The bytes of the folder. */
export async function writeProductionFolder(
  folder: string,
  { platform = process.platform, arch = process.arch }: Partial<Platform> = {},
): Promise<number> {
  await rm(folder, { recursive: true, force: true })
  const { files, packages } = await importedBy(join(root, 'dist/server'), entries)
  for (const file of files) await copy(file, folder)
  await copySite(folder)
  await cp(join(root, 'models/catalogue'), join(folder, 'models/catalogue'), { recursive: true })
  for (const file of ['LICENSE', 'server/spillway.config.schema.json']) await copy(join(root, file), folder)
  for (const packageFolder of await withTheirDependencies(packages)) {
    await copyPackage(packageFolder, folder, { platform, arch })
  }
  const { name, version, license, type, engines } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  )
  const scripts = { start: 'node dist/server/main.js' }
  const description = { name, version, private: true, license, type, engines, scripts }
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(description, undefined, 2)}\n`)
  return bytesOf(folder)
}

/** The files that entries import, themselves included, and the packages that all of these import. */
async function importedBy(folder: string, names: readonly string[]) {
  const files = new Set(names.map((name) => join(folder, name)))
  const packages = new Set<string>()
  // A set is iterated in the order of insertion, what is added meanwhile included.
  for (const file of files) {
    for (const specifier of importsIn(await readFile(file, 'utf8'))) {
      if (specifier.startsWith('.')) files.add(resolve(dirname(file), specifier))
      else if (!specifier.startsWith('node:') && !builtinModules.includes(specifier))
        packages.add(nameOf(specifier))
    }
  }
  return { files, packages }
}

/** The build writes each static import at the beginning of a line. */
const importsIn = (code: string): string[] =>
  [...code.matchAll(/(?:^(?:import|export)\b[^'"\n]*|\bimport\()["']([^"'\n]+)["']/gm)].map(
    ([, specifier = '']) => specifier,
  )

/** `hono/cors` is of the package `hono`, `@noble/hashes/legacy.js` of `@noble/hashes`. */
const nameOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

async function withTheirDependencies(names: Iterable<string>): Promise<Set<string>> {
  const folders = new Set([...names].map((name) => installed(name, root)))
  for (const folder of folders) {
    const { name, dependencies = {} } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
    for (const dependency of Object.keys(dependencies)) {
      if (!withoutDependencies[name]?.includes(dependency)) folders.add(installed(dependency, folder))
    }
  }
  return folders
}

/** The folder of a package as Node finds it from another one. */
function installed(name: string, from: string): string {
  const folder = join(from, 'node_modules', name)
  if (existsSync(join(folder, 'package.json'))) return folder
  if (resolve(from) === resolve(root)) throw new Error(`${name} is not installed. Run "npm ci".`)
  return installed(name, dirname(from))
}

async function copyPackage(from: string, folder: string, platform: Platform): Promise<void> {
  const isNeeded = (path: string): boolean => {
    const [top = '', ...rest] = relative(from, path).split('/')
    if (top === 'node_modules') return false
    if (rest.length === 0 && unusedFolders.has(top)) return false
    if (basename(from) === 'onnxruntime-node' && top === 'bin') return isFor(platform, rest)
    return !unusedFiles.test(path)
  }
  await cp(from, join(folder, relative(root, from)), { recursive: true, filter: isNeeded })
}

/** Below `bin/` ONNX Runtime has its libraries by version of Node-API, platform and architecture. */
const isFor = ({ platform, arch }: Platform, [, system, machine]: readonly string[]): boolean =>
  (system === undefined || system === platform) && (machine === undefined || machine === arch)

/** WebAssembly and scripts are copied in their compressed forms only: routes/compressed-files.ts expands them for clients that take neither. */
async function copySite(folder: string): Promise<void> {
  const isNeeded = (path: string) =>
    !(/\/assets\/[^/]+\.(?:wasm|m?js)$/.test(path) && existsSync(`${path}.br`) && existsSync(`${path}.gz`))
  await cp(join(root, 'dist/site'), join(folder, 'dist/site'), { recursive: true, filter: isNeeded })
}

async function copy(file: string, folder: string): Promise<void> {
  const target = join(folder, relative(root, file))
  await mkdir(dirname(target), { recursive: true })
  await cp(file, target)
}

async function bytesOf(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true })
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
