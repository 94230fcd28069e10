import '../embed/window-global.ts'
import type { Runtime } from '../api/create-runtime.ts'
import { startRuntime } from '../api/start-runtime.ts'

/** Starts the page's runtime, and shows the page once its code is here: the first paint waits for neither. */
export async function startPage(
  load: () => Promise<{ readonly showPage: (runtime: Runtime) => void }>,
): Promise<void> {
  const loading = load()
  const runtime = startRuntime({ server: new URL('.', location.href) })
  globalThis.spillway = runtime
  const { showPage } = await loading
  // In a task of its own: in one with the runtime's start it would delay the first paint on a slow device.
  await new Promise((resolve) => setTimeout(resolve))
  showPage(runtime)
}
