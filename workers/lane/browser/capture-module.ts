import captureUrl from './capture-module-entry.mjs?url&no-inline'
import { isRuntimeModule, type RuntimeModule } from './runtime-module.ts'

/** The runtime's module as onnxruntime-web imports it, in a way that tells what it makes of it. */
export interface CapturedModule {
  readonly address: string
  /** Once onnxruntime-web has begun; nothing where it is not the module that is known here. */
  module(): RuntimeModule | undefined
}

/**
 * What stands before the runtime's own module at the address. Runs do without it where it cannot be had: a policy
 * names the scripts that a page may load, a server does not know its kind of file, a bundler has lost it. So it is
 * tried before onnxruntime-web is told of it, which would not try again.
 */
export async function captureModule(of: string, threads: number): Promise<CapturedModule | undefined> {
  // Threads start from the module's address; where that is of another origin, onnxruntime-web has to copy it first.
  if (threads > 1 && new URL(of).origin !== location.origin) return undefined
  const url = new URL(captureUrl, import.meta.url)
  url.searchParams.set('of', of)
  try {
    // Together, as the one would only ask for the other when it has come.
    const [captured]: { readonly instance?: unknown }[] = await Promise.all(
      [url.href, of].map((address) => import(/* @vite-ignore */ address)),
    )
    return {
      address: url.href,
      module: () => (isRuntimeModule(captured?.instance) ? captured.instance : undefined),
    }
  } catch {
    return undefined
  }
}
