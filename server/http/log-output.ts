import { write } from 'node:fs'
import { Socket } from 'node:net'
import type { Clock } from '../../models/async/clock.ts'

/** Characters of lines that wait to be written; more are dropped and counted. */
const maxWaiting = 2 ** 20

/**
 * Milliseconds between two writes. A line after a quiet moment is written at once; under load a write for each line would
 * cost as much CPU as a refused request itself.
 */
const gatherMs = 10

/** Milliseconds until a write that failed is tried again: a disk may have room again. */
const retryMs = 1_000

/** Milliseconds that the lines still waiting have at the end. */
const flushMs = 1_000

/** Writes bytes, and calls back with the error or with how many were written. It never blocks. */
export type WriteBytes = (
  bytes: Uint8Array,
  done: (error: NodeJS.ErrnoException | null, written: number) => void,
) => void

/**
 * Where log lines go. A full disk or a reader that stands still must hold up neither requests nor the end of the process,
 * nor take more and more memory: lines wait in a bounded buffer, and beyond it they are dropped. How many were is told as
 * soon as something can be written again.
 */
export class LogOutput {
  readonly #write: WriteBytes
  readonly #clock: Clock
  #waiting = ''
  /** Bytes of lines that are being written. */
  #current: Uint8Array | undefined
  #dropped = 0
  /** When the last write began, on the clock. */
  #lastWriteAt = Number.NEGATIVE_INFINITY
  /** Cancels the write that gathers lines. */
  #cancelGathering: (() => void) | undefined
  /** Nobody reads any more. */
  #isGone = false
  #onEmpty: (() => void) | undefined

  constructor(write: WriteBytes, clock: Clock) {
    this.#write = write
    this.#clock = clock
  }

  /** For pino. */
  write(line: string): void {
    if (this.#isGone) return
    if (this.#waiting.length + line.length > maxWaiting) this.#dropped++
    else this.#waiting += line
    this.#writeSoon()
  }

  /** Calls back when all lines are written, or could not be for a while. */
  flush(done: () => void): void {
    this.#writeNext()
    if (this.#current === undefined) {
      done()
      return
    }
    const cancel = this.#clock.after(flushMs, () => this.#emptied())
    this.#onEmpty = () => {
      cancel()
      done()
    }
  }

  /** Writes the lines that wait, at the process's end: nothing is called back any more. */
  end(): void {
    if (this.#waiting === '' || this.#current || this.#isGone) return
    const bytes = Buffer.from(this.#waiting + this.#takeDropped())
    this.#waiting = ''
    this.#write(bytes, () => undefined)
  }

  #writeSoon(): void {
    if (this.#current || this.#cancelGathering) return
    const waitMs = this.#lastWriteAt + gatherMs - this.#clock.now()
    if (waitMs <= 0) this.#writeNext()
    else this.#cancelGathering = this.#clock.after(waitMs, () => this.#writeNext())
  }

  #writeNext(): void {
    this.#cancelGathering?.()
    this.#cancelGathering = undefined
    if (this.#current) return
    if (this.#waiting === '') {
      this.#emptied()
      return
    }
    this.#current = Buffer.from(this.#waiting + this.#takeDropped())
    this.#waiting = ''
    this.#lastWriteAt = this.#clock.now()
    this.#writeCurrent(this.#current)
  }

  #writeCurrent(bytes: Uint8Array): void {
    this.#write(bytes, (error, written) => {
      if (error && isGone(error)) {
        this.#isGone = true
        this.#current = undefined
        this.#waiting = ''
        this.#emptied()
      } else if (error) this.#clock.after(retryMs, () => this.#writeCurrent(bytes))
      else if (written < bytes.length) this.#writeCurrent(bytes.subarray(written))
      else {
        this.#current = undefined
        if (this.#onEmpty) this.#writeNext()
        else if (this.#waiting !== '') this.#writeSoon()
      }
    })
  }

  /** A line about the lines that were dropped since the last one. */
  #takeDropped(): string {
    if (this.#dropped === 0) return ''
    const lines = this.#dropped
    this.#dropped = 0
    const msg = 'Log lines were dropped: they could not be written'
    return `${JSON.stringify({ level: 40, time: Date.now(), lines, msg })}\n`
  }

  #emptied(): void {
    this.#onEmpty?.()
    this.#onEmpty = undefined
  }
}

const isGone = ({ code }: NodeJS.ErrnoException) =>
  code === 'EPIPE' || code === 'EBADF' || code === 'ECONNRESET' || code === 'ERR_STREAM_DESTROYED'

/**
 * Writes to this process's output. A pipe is written by Node's own stream, when there is room: a thread that writes to a
 * full pipe would never end, and with it neither would the process.
 */
export function outputWriter(): WriteBytes {
  const { stdout } = process
  if (stdout instanceof Socket) {
    // Each write reports its own error.
    stdout.on('error', () => undefined)
    return (bytes, done) => {
      stdout.write(bytes, (error) => done(error ?? null, bytes.length))
    }
  }
  return (bytes, done) => write(1, bytes, done)
}
