import { isRuntimeModule, type RuntimeModule } from './runtime-module.ts'

interface CaptureModule {
  readonly instance?: unknown
  useCompiled(module: WebAssembly.Module): void
}

/** The runtime's module behind a wrapper that captures its instance. */
export interface CapturedModule {
  /** For onnxruntime-web to import. */
  readonly address: string
  /** Makes the instance from a compiled module: onnxruntime-web then fetches none. */
  useCompiled(module: WebAssembly.Module): void
  /** The instance, once onnxruntime-web has made it; undefined where it lacks what `RuntimeModule` needs. */
  module(): RuntimeModule | undefined
}

/**
 * Wraps the runtime's module at the address `of`. Returns undefined where the wrapper cannot be loaded: the page's
 * content security policy does not list it, a server sends it with the wrong type, or a bundler lost it. The wrapper is
 * imported here first because onnxruntime-web would not retry with another address.
 */
export async function captureModule(
  wrapperAddress: string,
  of: string,
  threads: number,
): Promise<CapturedModule | undefined> {
  const url = new URL(wrapperAddress)
  try {
    // Threads start from the module's address, which has to be of this origin. onnxruntime-web would copy the wrapper
    // only, and lose the address that it wraps.
    const isCopied = threads > 1 && url.origin !== self.origin
    const local = isCopied ? copyHere : async (address: string) => address
    const [wrapper, original] = await Promise.all([local(url.href), local(of)])
    const address = `${wrapper}#${encodeURIComponent(original)}`
    // Both at once: the wrapper alone would request the module only after it has arrived itself.
    const [captured]: CaptureModule[] = await Promise.all(
      [address, original].map((address) => import(/* @vite-ignore */ address)),
    )
    if (!captured) return undefined
    return {
      address,
      useCompiled: (module) => captured.useCompiled(module),
      module: () => (isRuntimeModule(captured.instance) ? captured.instance : undefined),
    }
  } catch {
    return undefined
  }
}

/** The address of a copy in this origin. It is kept as long as the worker: threads may start at any time. */
async function copyHere(address: string): Promise<string> {
  const response = await fetch(address)
  if (!response.ok) throw new TypeError(`${address} answered ${response.status}`)
  return URL.createObjectURL(await response.blob())
}
