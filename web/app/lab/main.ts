import { startRuntimeWithFaults } from '../../api/runtime-with-faults.ts'
import { startPageOn } from '../start-page.ts'

await startPageOn(startRuntimeWithFaults, () => import('./page.ts'))
