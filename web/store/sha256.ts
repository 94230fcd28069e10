import { createSHA256 } from 'hash-wasm'
import { SpillwayError } from '../../models/index.ts'

/** Bytes hashed in one go: about 3 ms, so that the page's thread is never held for long. */
const slice = 2 ** 20

/** Lower-case hexadecimal. Not by WebCrypto, which does not exist on plain http. */
export async function sha256Of(bytes: ArrayBuffer): Promise<string> {
  const hasher = await createSHA256().catch((cause: unknown) => {
    throw SpillwayError.from(
      cause,
      'capacity_insufficient',
      'The page may not run WebAssembly, which checks files',
    )
  })
  for (let start = 0; start < bytes.byteLength; start += slice) {
    hasher.update(new Uint8Array(bytes, start, Math.min(slice, bytes.byteLength - start)))
    await nextTask()
  }
  return hasher.digest('hex')
}

/** A message's task comes after input and painting had their turn, without setTimeout's 4 ms. */
const nextTask = () =>
  new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
