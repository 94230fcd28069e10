import { closeSync, existsSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { isAbsolute, join, sep } from 'node:path'
import { SpillwayError } from '../../core/error.ts'
import { malformed } from '../errors.ts'
import type { StringStringEntryProto } from './generated/onnx_pb.ts'
import type { Model } from './model.ts'
import { type Weight, weightBytes } from './weight.ts'

/** A range of bytes in a file beside the model. */
export interface FileRange {
  readonly path: string
  readonly offset: number
  readonly length: number
}

/**
 * Locates a tensor's external data. The path comes from an untrusted file: it must not leave the model's folder, be
 * it by dots, by an absolute path or by a link.
 * @throws SpillwayError `model_invalid`, `file_truncated` or `file_missing`.
 */
export function locateExternal(
  folder: string | undefined,
  entries: readonly StringStringEntryProto[],
  byteLength: number,
  what: string,
): FileRange {
  const value = (key: string) => entries.findLast((entry) => entry.key === key)?.value
  const location = value('location')
  if (!location) throw malformed(`${what} has external data without a location`)
  const path = resolveInside(folder, location, what)
  const offset = readNumber(value('offset') ?? '0', 'offset', what)
  const { size } = statSync(path)
  const length = readNumber(value('length') ?? String(Math.max(0, size - offset)), 'length', what)
  if (length !== byteLength) {
    throw malformed(`${what} does not match its data in ${location}`, {
      expected: `${byteLength} bytes`,
      got: `${length}`,
    })
  }
  if (offset + length > size) {
    throw new SpillwayError('file_truncated', `${location} ends before the data of ${what}`, {
      expected: `${offset + length} bytes`,
      got: `${size}`,
      hint: 'Download the file again.',
    })
  }
  return { path, offset, length }
}

function resolveInside(folder: string | undefined, location: string, what: string): string {
  const parts = location.split(/[/\\]/)
  const isOutside = isAbsolute(location) || /^[A-Za-z]:/.test(location) || location.startsWith('\\')
  if (isOutside || location.includes('\0') || parts.includes('..')) throw outsideFolder(location, what)
  if (folder === undefined) {
    throw new SpillwayError(
      'file_missing',
      `${what} has its data in ${location}, and the model has no folder`,
    )
  }
  const path = join(folder, ...parts)
  if (!existsSync(path)) {
    throw new SpillwayError('file_missing', `${what} has its data in ${location}, which is not there`, {
      hint: 'Put it beside the model.',
    })
  }
  const real = realpathSync(path)
  if (!real.startsWith(realpathSync(folder) + sep)) throw outsideFolder(location, what)
  if (!statSync(real).isFile()) throw malformed(`${what} has its data in ${location}, which is not a file`)
  return real
}

const outsideFolder = (location: string, what: string) =>
  malformed(`${what} has its data outside of the model's folder`, { got: JSON.stringify(location) })

function readNumber(text: string, key: string, what: string): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(number)) return number
  throw malformed(`${what} has an external ${key} that is not a number of bytes`, {
    got: JSON.stringify(text.slice(0, 40)),
  })
}

export function readExternal({ path, offset, length }: FileRange): Uint8Array {
  const bytes = new Uint8Array(length)
  const file = openSync(path, 'r')
  try {
    let at = 0
    while (at < length) {
      const read = readSync(file, bytes, at, Math.min(length - at, 2 ** 30), offset + at)
      if (read === 0) throw new SpillwayError('file_truncated', `${path} became shorter while it was read`)
      at += read
    }
  } finally {
    closeSync(file)
  }
  return bytes
}

/** A weight's place in the file beside the model, with ONNX's names for the three fields. */
export interface ExternalLocation {
  readonly location: string
  readonly offset: number
  readonly length: number
}

/** Smaller tensors stay in the graph: runtimes read shapes and axes from them before they open another file. */
const inlineBelow = 1024
/** A page of memory, so that a runtime may map the file. */
const alignment = 4096

export function layOutExternalData(model: Model, location: string): Map<string, ExternalLocation> {
  const placed = new Map<string, ExternalLocation>()
  let end = 0
  for (const weight of model.weights.values()) {
    const length = weightBytes(weight)
    if (length < inlineBelow) continue
    const offset = Math.ceil(end / alignment) * alignment
    placed.set(weight.name, { location, offset, length })
    end = offset + length
  }
  return placed
}

export const externalWeights = (
  model: Model,
  placed: ReadonlyMap<string, ExternalLocation>,
): readonly (readonly [Weight, ExternalLocation])[] =>
  [...model.weights.values()].flatMap((weight) => {
    const at = placed.get(weight.name)
    return at ? [[weight, at] as const] : []
  })
