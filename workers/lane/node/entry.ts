import { processEndpoint } from '../../protocol/process-endpoint.ts'
import { serveLane } from '../serve.ts'
import { startHeartbeat } from './heartbeat.ts'
import { loadOrt } from './load-ort.ts'

// From the first moment: loading the runtime takes seconds on a busy machine.
startHeartbeat()
serveLane(loadOrt, processEndpoint(process))
// A lane must not outlive the server that started it.
process.on('disconnect', () => process.exit(0))
// The server ends its lanes itself: Ctrl-C and a service manager's stop would reach the whole process group at once.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
