import '../embed/window-global.ts'
import { startRuntime } from '../api/start-runtime.ts'
import { showPage } from './page.ts'

const runtime = startRuntime({ server: new URL('.', location.href) })
globalThis.spillway = runtime

// In a task of its own: in one with the runtime's start it would delay the first paint on a slow device.
await new Promise((resolve) => setTimeout(resolve))
showPage(runtime)
