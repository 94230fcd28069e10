import type { Endpoint } from 'comlink'

interface IpcChannel {
  send?: (message: object) => boolean
  on(event: 'message', listener: (message: unknown) => void): unknown
  off(event: 'message', listener: (message: unknown) => void): unknown
}

/** A process's IPC channel as comlink's endpoint. Advanced serialization copies typed arrays; none is transferred. */
export function processEndpoint(channel: IpcChannel): Endpoint {
  const listeners = new Map<unknown, (data: unknown) => void>()
  return {
    postMessage: (message) => {
      // `send` is missing once the channel is closed. The lane's end, seen a moment later, settles the lost calls.
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
