import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { ServerType } from '@hono/node-server'
import type { Clock } from '../models/async/clock.ts'
import type { Log } from './http/request-log.ts'
import type { Inference } from './inference/inference.ts'
import { serverDraining } from './probes.ts'

/** What else takes requests, besides the HTTP server. */
export interface Drained {
  /** The server begins to drain: it takes no new connections' requests, and ends those that it has. */
  drain(): void
  /** The process is about to end. */
  stop(): void
}

export interface ShutdownOptions {
  readonly inference: Pick<Inference, 'close'>
  readonly log: Log
  readonly clock: Clock
  /** Milliseconds for requests in flight to finish. */
  readonly drainMs: number
  /** Sends what is left of traces. */
  readonly flush: () => Promise<void>
  /** Ends the process. */
  readonly exit: (code: number) => void
}

/** Milliseconds without a request after which no balancer sends any more, and connections without one are closed. */
const quietMs = 200

/** Milliseconds in which the requests that are left at the end are told so. */
const lastWordsMs = 1_000

/** A terminal and npm both pass on one Ctrl-C: signals in this time count as one. */
const sameSignalMs = 500

/**
 * Ends a server so that no request is lost behind a balancer with other replicas. While it drains it is not ready, still
 * answers, and closes each connection with its answer. When requests are left after `drainMs`, they end with
 * `server_draining`: another replica takes them, and goes on with their texts.
 */
export class Shutdown {
  readonly #options: ShutdownOptions
  readonly #responses = new Set<ServerResponse>()
  readonly #others: Drained[] = []
  /** Requests of all kinds. */
  #inFlight = 0
  #http: Server | undefined
  #cancelStop: () => void = () => {}
  #cancelDeadline: () => void = () => {}
  #signalledAt: number | undefined
  #isEnding = false

  constructor(options: ShutdownOptions) {
    this.#options = options
  }

  get isDraining(): boolean {
    return this.#signalledAt !== undefined
  }

  /** Counts the server's requests from now on. */
  watch(server: ServerType): void {
    this.#http = server as Server
    this.#http.prependListener('request', this.#onRequest)
  }

  /** Drains and stops something else as well, whose requests `begin` counts. */
  add(other: Drained): void {
    this.#others.push(other)
  }

  /** Counts a request until the returned function is called. */
  begin(): () => void {
    this.#inFlight++
    this.#cancelStop()
    return () => {
      this.#inFlight--
      if (this.isDraining) this.#stopWhenQuiet()
    }
  }

  /** At SIGTERM and Ctrl-C. A second signal ends the process at once. */
  readonly onSignal = (signal: NodeJS.Signals): void => {
    const { log, clock, drainMs, exit } = this.#options
    const now = clock.now()
    if (this.#signalledAt !== undefined) {
      if (now - this.#signalledAt > sameSignalMs) exit(1)
      return
    }
    this.#signalledAt = now
    log.info(`${signal}: finishing requests in flight`)
    for (const response of this.#responses) response.shouldKeepAlive = false
    for (const other of this.#others) other.drain()
    this.#cancelDeadline = clock.after(drainMs, () => this.#handOver())
    this.#stopWhenQuiet()
  }

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const end = this.begin()
    this.#responses.add(response)
    if (this.isDraining) response.shouldKeepAlive = false
    response.once('close', () => {
      this.#responses.delete(response)
      // Answers whose headers were sent before did not say that their connection closes.
      if (this.isDraining) request.socket.end()
      end()
    })
  }

  #stopWhenQuiet(): void {
    if (this.#inFlight > 0) return
    this.#cancelStop()
    this.#cancelStop = this.#options.clock.after(this.#isEnding ? 0 : quietMs, () => this.#stop(0))
  }

  /** Requests that wait or run end with an error; a stream's last event has it. */
  #handOver(): void {
    const { inference, log, clock } = this.#options
    this.#isEnding = true
    log.warn({ requests: this.#inFlight }, 'Requests in flight are handed over to other replicas')
    inference.close(serverDraining())
    this.#cancelDeadline = clock.after(lastWordsMs, () => this.#stop(1))
    this.#stopWhenQuiet()
  }

  #stop(code: number): void {
    const { inference, log, flush, exit } = this.#options
    this.#cancelStop()
    this.#cancelDeadline()
    this.#http?.close()
    this.#http?.closeAllConnections()
    for (const other of this.#others) other.stop()
    inference.close(serverDraining())
    log.info('Stopped')
    // The last lines have a moment to be written; a reader that stands still does not keep the process.
    void flush().finally(() => log.flush(() => exit(code)))
  }
}
