import { type Digest, type MovableDigest, resumeDigest } from './digest.ts'

/** Pieces that may wait to be hashed: a network faster than the hash must not fill the memory with copies. */
const maxWaiting = 4

/** Workers for one file: where two died of it, its digest is taken on the thread that asks for it. */
const maxWorkers = 2

/** Opens a digest in a worker, which goes on from a state where there is one. */
export type OpenDigestWorker = (state: Uint8Array | undefined) => Promise<MovableDigest>

interface Piece {
  readonly bytes: Uint8Array
  /** The state after it. */
  readonly hashed: Promise<Uint8Array>
}

/** A digest that outlives the worker that takes it: what the dead one was given is hashed again, by the next. */
export async function openResumableHash(openWorker: OpenDigestWorker): Promise<Digest> {
  let workersLeft = maxWorkers
  let isHere = false
  let state: Uint8Array | undefined
  /** What was given since `state`. */
  let given: Piece[] = []

  const open = async (): Promise<MovableDigest> => {
    if (workersLeft-- > 0) {
      try {
        return await openWorker(state)
      } catch {
        // Where one does not start, another will not.
      }
    }
    isHere = true
    return resumeDigest(state)
  }
  let digest = await open()

  const give = (bytes: Uint8Array): Piece => {
    const hashed = digest.update(bytes)
    // It is told when its turn comes.
    hashed.catch(() => undefined)
    return { bytes, hashed }
  }
  const move = async (cause: unknown) => {
    if (isHere) throw cause
    digest.close()
    digest = await open()
    given = given.map(({ bytes }) => give(bytes))
  }
  const settle = async (most: number) => {
    for (let first = given[0]; first && given.length > most; first = given[0]) {
      try {
        state = await first.hashed
        given.shift()
      } catch (cause) {
        await move(cause)
      }
    }
  }

  return {
    update: async (bytes) => {
      given.push(give(bytes))
      await settle(maxWaiting)
    },
    finish: async () => {
      for (;;) {
        await settle(0)
        try {
          return await digest.finish()
        } catch (cause) {
          await move(cause)
        }
      }
    },
    restart: () => {
      given = []
      state = undefined
      digest.restart()
    },
    close: () => digest.close(),
  }
}
