import type { StartRequest } from '../../protocol/lane.ts'
import { serveLane } from '../serve.ts'
import { loadOrt } from './load-ort.ts'

serveLane((request: StartRequest) => loadOrt(request), self)
