import { linkAbort } from '../../models/async/abort.ts'

/** A request that the server got because the device was loading its model. */
export interface BridgedRequest<T> {
  /** The caller's. */
  readonly signal: AbortSignal | undefined
  readonly askServer: (signal: AbortSignal) => Promise<T>
  /** Called when the device is ready; undefined where the request should stay with the server. */
  readonly askDevice: (signal: AbortSignal) => Promise<T> | undefined
  /** Calls back when the device is ready. Returns how to stop that. */
  readonly whenReady: (callback: () => void) => () => void
}

/**
 * The answer of the server, or the device's, which is asked as well when it is ready first. The first answer counts,
 * and the other place's work is aborted. Where both fail, the server's failure counts: the request was placed there.
 */
export function answerBridged<T>(request: BridgedRequest<T>): Promise<T> {
  const { askServer, askDevice, whenReady } = request
  const server = linkAbort(request.signal)
  return new Promise<T>((resolve, reject) => {
    // Most servers answer first: a controller that nobody needs, and its abort, would cost more than the rest.
    let device: ReturnType<typeof linkAbort> | undefined
    let isDeviceAsked = false
    let serverFailure: { readonly cause: unknown } | undefined
    const stopWaiting = whenReady(() => {
      device = linkAbort(request.signal)
      const asked = askDevice(device.controller.signal)
      if (!asked) return
      isDeviceAsked = true
      asked.then(
        (answer) => {
          server.controller.abort()
          end()
          resolve(answer)
        },
        () => {
          isDeviceAsked = false
          if (serverFailure) fail(serverFailure.cause)
        },
      )
    })
    const end = () => {
      stopWaiting()
      server.release()
      device?.release()
    }
    const fail = (cause: unknown) => {
      end()
      reject(cause)
    }
    askServer(server.controller.signal).then(
      (answer) => {
        device?.controller.abort()
        end()
        resolve(answer)
      },
      (cause) => {
        if (isDeviceAsked) serverFailure = { cause }
        else fail(cause)
      },
    )
  })
}
