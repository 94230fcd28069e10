import type { StartRequest } from '../../protocol/lane.ts'
import { serveLane } from '../serve.ts'
import { loadOrt, prefetchOrt } from './load-ort.ts'

serveLane((request: StartRequest) => loadOrt(request), self)
prefetchOrt()
