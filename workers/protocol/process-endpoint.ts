import type { Endpoint } from 'comlink'

interface IpcChannel {
  send?: (message: object) => boolean
  on(event: 'message', listener: (message: unknown) => void): unknown
  off(event: 'message', listener: (message: unknown) => void): unknown
}

/** A process's IPC channel as comlink wants it. Advanced serialization copies typed arrays; nothing is transferred. */
export function processEndpoint(channel: IpcChannel): Endpoint {
  const listeners = new Map<unknown, (data: unknown) => void>()
  return {
    postMessage: (message) => {
      // The channel closes before its process is known to be gone: what is lost then is settled by the lane's end.
      channel.send?.(message)
    },
    addEventListener: (_type, listener) => {
      const receive = (data: unknown) => {
        const event = new MessageEvent('message', { data })
        if (typeof listener === 'function') listener(event)
        else listener.handleEvent(event)
      }
      listeners.set(listener, receive)
      channel.on('message', receive)
    },
    removeEventListener: (_type, listener) => {
      const receive = listeners.get(listener)
      if (receive) channel.off('message', receive)
      listeners.delete(listener)
    },
  }
}
