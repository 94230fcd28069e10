import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../../models/async/clock.ts'
import { fetchVerified } from '../../../../models/async/fetch-verified.ts'
import { SpillwayError } from '../../../../models/core/index.ts'
import { cacheFolder } from '../cache.ts'

/** A model that MLC has compiled for WebLLM, without its weights. */
interface CompiledModel {
  /** MLC's name of the precision. */
  readonly precision: 'q4f16_1' | 'q4f32_1'
  readonly needsHalves: boolean
  readonly sha256: string
}

/** Qwen2-0.5B, which has the sizes of Qwen2.5-0.5B. The better one first. */
const compiled: readonly CompiledModel[] = [
  {
    precision: 'q4f16_1',
    needsHalves: true,
    sha256: 'eeef8ad5c1e668b066a3edc2e7f5d48e78d0749c869d87c00270406d95537c63',
  },
  {
    precision: 'q4f32_1',
    needsHalves: false,
    sha256: '338ab000a62274cb47fa0696aa244d4b1d73db4e6f144b429915d1cfe44d2e6a',
  },
]

/** The libraries for WebLLM 0.2.79: each of its versions names the folder that it can load. */
const source = 'https://raw.githubusercontent.com/mlc-ai/binary-mlc-llm-libs/main/web-llm-models/v0_2_48/'

const nameOf = ({ precision }: CompiledModel) => `Qwen2-0.5B-Instruct-${precision}-ctx4k_cs1k-webgpu.wasm`

export interface Library extends Pick<CompiledModel, 'precision' | 'needsHalves'> {
  /** In the cache folder. */
  readonly path: string
}

/**
 * A compiled library that is given as a file, and is kept.
 *
 * @throws SpillwayError Where it is none of those.
 */
export function readLibrary(path: string): Library {
  const bytes = readGiven(path)
  return keep(identify(path, bytes), bytes)
}

/**
 * The better compiled library for a GPU: the one that was kept, or a download, which is kept.
 *
 * @throws SpillwayError Where it cannot be fetched.
 */
export async function fetchLibrary(hasHalves: boolean): Promise<Library> {
  const best = compiled.find(({ needsHalves }) => hasHalves || !needsHalves)
  if (!best) throw new RangeError('WebLLM has a library for every GPU')
  const path = pathOf(best)
  if (existsSync(path)) return { ...best, path }
  const url = new URL(nameOf(best), source)
  return keep(best, new Uint8Array(await fetchVerified(url, best.sha256, systemClock)))
}

function readGiven(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw SpillwayError.from(cause, 'file_missing', `${path} cannot be read`)
  }
}

function identify(path: string, bytes: Uint8Array): CompiledModel {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const found = compiled.find((one) => one.sha256 === sha256)
  if (found) return found
  throw new SpillwayError('file_altered', `${path} is no library of WebLLM that the bench knows`, {
    expected: compiled.map((one) => `${nameOf(one)}, SHA-256 ${one.sha256}`).join('; or '),
    got: `SHA-256 ${sha256}`,
  })
}

const pathOf = (model: CompiledModel) => join(cacheFolder, nameOf(model))

function keep(model: CompiledModel, bytes: Uint8Array): Library {
  const path = pathOf(model)
  mkdirSync(cacheFolder, { recursive: true })
  writeFileSync(`${path}.partial`, bytes)
  renameSync(`${path}.partial`, path)
  return { ...model, path }
}
