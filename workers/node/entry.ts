import { serveLane } from '../lane/serve.ts'
import { processEndpoint } from './endpoint.ts'
import { loadOrt } from './ort.ts'

serveLane(loadOrt, processEndpoint(process))
// A lane must not outlive the server that started it.
process.on('disconnect', () => process.exit(0))
// The server decides when its lanes end: a terminal's Ctrl-C reaches the whole group.
process.on('SIGINT', () => {})
