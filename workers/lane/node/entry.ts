import { processEndpoint } from '../../protocol/process-endpoint.ts'
import { serveLane } from '../serve.ts'
import { loadOrt } from './load-ort.ts'

serveLane(loadOrt, processEndpoint(process))
// A lane must not outlive the server that started it.
process.on('disconnect', () => process.exit(0))
// The server decides when its lanes end: a terminal's Ctrl-C and a service manager's stop reach the whole group.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
