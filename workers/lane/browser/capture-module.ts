import type { StartRequest } from '../../protocol/lane.ts'
import captureUrl from './capture-module-entry.mjs?url&no-inline'
import { isRuntimeModule, type RuntimeModule } from './runtime-module.ts'

interface CaptureModule {
  readonly instance?: unknown
  useCompiled(module: WebAssembly.Module): void
}

/** The runtime's module behind a wrapper that captures its instance. */
export interface CapturedModule {
  /** For onnxruntime-web to import. */
  readonly address: string
  /** The instance, once onnxruntime-web has made it; undefined where it lacks what `RuntimeModule` needs. */
  module(): RuntimeModule | undefined
}

/**
 * Wraps the runtime's module at the address `of`. Returns undefined where the wrapper cannot be loaded: the page's
 * content security policy does not list it, a server sends it with the wrong type, or a bundler lost it. The wrapper is
 * imported here first because onnxruntime-web would not retry with another address.
 */
export async function captureModule(
  of: string,
  { threads, runtime }: StartRequest,
): Promise<CapturedModule | undefined> {
  // Threads start from the module's address. onnxruntime-web copies a module of another origin first, but not this one.
  if (threads > 1 && new URL(of).origin !== self.origin) return undefined
  const url = new URL(captureUrl, import.meta.url)
  url.searchParams.set('of', of)
  try {
    // Both at once: the wrapper alone would request the module only after it has arrived itself.
    const [captured]: CaptureModule[] = await Promise.all(
      [url.href, of].map((address) => import(/* @vite-ignore */ address)),
    )
    if (runtime) captured?.useCompiled(runtime)
    return {
      address: url.href,
      module: () => (isRuntimeModule(captured?.instance) ? captured.instance : undefined),
    }
  } catch {
    return undefined
  }
}
