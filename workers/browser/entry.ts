import type { StartRequest } from '../lane/protocol.ts'
import { serveLane } from '../lane/serve.ts'
import { loadOrt } from './ort.ts'

serveLane((request: StartRequest) => loadOrt(request), self)
