import '../../embed/global.ts'
import { startRuntime } from '../../api/start-runtime.ts'
import { showPage } from './page.ts'

const runtime = startRuntime({ server: new URL('.', location.href) })
window.spillway = runtime

// A task of its own: together with the runtime's it would hold up the first paint of a slow device.
await new Promise((resolve) => setTimeout(resolve))
showPage(runtime)
