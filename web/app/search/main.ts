import { startPage } from '../start-page.ts'

await startPage(() => import('./page.ts'))
