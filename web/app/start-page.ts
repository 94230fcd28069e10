import '../embed/window-global.ts'
import type { Runtime, RuntimeOptions } from '../api/create-runtime.ts'
import { startRuntime } from '../api/start-runtime.ts'

type LoadPage<R> = () => Promise<{ readonly showPage: (runtime: R) => void }>

/** Starts the page's runtime, and shows the page once its code is here: the first paint waits for neither. */
export const startPage = (load: LoadPage<Runtime>): Promise<void> => startPageOn(startRuntime, load)

/** As `startPage`, with a runtime of another kind. */
export async function startPageOn<R extends Runtime>(
  start: (options: RuntimeOptions) => R,
  load: LoadPage<R>,
): Promise<void> {
  const loading = load()
  const runtime = start({ server: new URL('.', location.href) })
  globalThis.spillway = runtime
  const { showPage } = await loading
  // In a task of its own: in one with the runtime's start it would delay the first paint on a slow device.
  await new Promise((resolve) => setTimeout(resolve))
  showPage(runtime)
  if (document.readyState !== 'complete')
    await new Promise((resolve) => window.addEventListener('load', resolve))
  // The development server has no service worker.
  if (!import.meta.env.PROD) return
  // Where it fails, the browser keeps no data of sites, or the network has just gone: the page works on.
  await import('./offline/keep-site.ts').then(({ keepSite }) => keepSite()).catch(() => {})
}
