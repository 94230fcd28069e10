import { hash, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { SpillwayError } from '../../models/core/index.ts'
import { type KeyEntry, parseKeysFile } from '../../models/protocols/api-keys.ts'

/** The keys that a server knows, by their hashes. */
export class Keys {
  #byName = new Map<string, KeyEntry>()
  /** By the beginning of the hash, so that many keys cost no more than one. */
  #byStart = new Map<string, { readonly hash: Buffer; readonly entry: KeyEntry }[]>()
  /** Keys that were found once: there are no more of them than entries. Hashing one costs more than the rest of the guard. */
  readonly #found = new Map<string, KeyEntry>()
  #origins: readonly string[] = []
  #hasLimits = false

  constructor(entries: readonly KeyEntry[]) {
    this.replace(entries)
  }

  /** From the next request on these keys hold, with their limits and origins, and no others. */
  replace(entries: readonly KeyEntry[]): void {
    this.#byName = new Map(entries.map((entry) => [entry.name, entry]))
    this.#byStart = new Map()
    this.#found.clear()
    for (const entry of entries) {
      const start = startOf(entry.sha256)
      const others = this.#byStart.get(start) ?? []
      this.#byStart.set(start, [...others, { hash: Buffer.from(entry.sha256), entry }])
    }
    this.#hasLimits = entries.some(({ limits }) => limits !== undefined)
    this.#origins = [...new Set(entries.flatMap(({ origins = [] }) => origins))]
  }

  get all(): readonly KeyEntry[] {
    return [...this.#byName.values()]
  }

  /** The origins of all keys for pages; another list after they were replaced. */
  get origins(): readonly string[] {
    return this.#origins
  }

  /** Whether any key has limits of its own. */
  get hasLimits(): boolean {
    return this.#hasLimits
  }

  /**
   * The entry of a key. How long it takes tells a guess nothing of the keys that are known: hashes are compared in
   * constant time, and no caller can choose how the hash of its guess begins. Only a whole key is found sooner the next
   * time.
   */
  find(key: string): KeyEntry | undefined {
    const found = this.#found.get(key)
    if (found) return found
    const entry = this.#findByHash(key)
    if (entry) this.#found.set(key, entry)
    return entry
  }

  #findByHash(key: string): KeyEntry | undefined {
    const sha256 = hash('sha256', key, 'hex')
    const candidates = this.#byStart.get(startOf(sha256))
    if (!candidates) return undefined
    const guess = Buffer.from(sha256)
    return candidates.find((candidate) => timingSafeEqual(candidate.hash, guess))?.entry
  }

  named(name: string): KeyEntry | undefined {
    return this.#byName.get(name)
  }
}

const startOf = (sha256: string) => sha256.slice(0, 8)

/** @throws SpillwayError `file_missing` or `request_malformed`: a server whose keys cannot be read does not start. */
export async function readKeys(path: string): Promise<readonly KeyEntry[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw SpillwayError.from(cause, 'file_missing', 'The file of keys in SPILLWAY_KEYS cannot be read')
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's message quotes the file.
    throw new SpillwayError('request_malformed', `The file of keys ${path} is not valid`, {
      expected: 'JSON: {"keys": [...]}',
      got: 'another text',
      hint: '"spillway key create" prints an entry.',
    })
  }
  return parseKeysFile(value, path)
}
