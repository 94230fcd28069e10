import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net'
import { messageDescriptor, pipeEndpoint } from '../../protocol/node/pipe-endpoint.ts'
import { serveLane } from '../serve.ts'
import { freeInputs } from './free-inputs.ts'
import { startHeartbeat } from './heartbeat.ts'
import { loadOrt } from './load-ort.ts'

// From the first moment: loading the runtime takes seconds on a busy machine.
startHeartbeat()
// Node's types lack `onread`, which its documentation has.
const options: SocketConstructorOpts & { readonly onread: OnReadOpts } = {
  fd: messageDescriptor,
  onread: {
    // One memory for all reads: that of each message is filled from it.
    buffer: new Uint8Array(256 * 1024),
    callback: (bytes, buffer) => {
      endpoint.receive(buffer.subarray(0, bytes))
      return true
    },
  },
}
const endpoint = pipeEndpoint(new Socket(options))
// By a variable: a bundler would take the address for a file to find.
const here = import.meta.url
serveLane((request) => loadOrt(request, new URL('./formats.js', here)), endpoint, freeInputs)
// A lane must not outlive the server that started it.
process.on('disconnect', () => process.exit(0))
// The server ends its lanes itself: Ctrl-C and a service manager's stop would reach the whole process group at once.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
