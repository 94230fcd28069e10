import { connect, type Socket } from 'node:net'

const headEnd = '\r\n\r\n'

/** Called once a request, with its answer's status; undefined where the connection ended before. */
export type Settle = (connection: Connection, status: number | undefined) => void

/** One connection with one request at a time. Reads answers with a `content-length`. */
export class Connection {
  readonly #socket: Socket
  #partial: Buffer | undefined
  #settle: Settle | undefined
  #isOpen = true

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('data', this.#read)
    this.#socket.on('close', this.#end)
    this.#socket.on('end', this.#end)
    this.#socket.on('error', this.#end)
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  send(request: Uint8Array, settle: Settle): void {
    this.#settle = settle
    this.#socket.write(request)
  }

  close(): void {
    this.#isOpen = false
    this.#socket.destroy()
  }

  readonly #read = (chunk: Buffer): void => {
    const bytes = this.#partial ? Buffer.concat([this.#partial, chunk]) : chunk
    const end = bytes.indexOf(headEnd)
    const head = end < 0 ? '' : bytes.toString('latin1', 0, end)
    const [, length] = /^content-length: (\d+)$/im.exec(head) ?? []
    if (end < 0 || bytes.length < end + headEnd.length + Number(length ?? 0)) {
      this.#partial = bytes
      return
    }
    this.#partial = undefined
    // An uncaught error ends this process and the bench.
    if (length === undefined) throw new Error(`The answer has no length: ${head}`)
    if (/^connection: close$/im.test(head)) this.close()
    this.#finish(Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)))
  }

  readonly #end = (): void => {
    this.close()
    this.#finish(undefined)
  }

  #finish(status: number | undefined): void {
    const settle = this.#settle
    this.#settle = undefined
    settle?.(this, status)
  }
}
