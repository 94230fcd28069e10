import { filesFragment } from '../../../protocol/worker-files.ts'
import { scriptAddress } from './trusted-types.ts'

export interface StartedWorker {
  readonly worker: Worker
  /** Ends it at once. */
  terminate(): void
}

/**
 * Starts a module worker from any origin. A worker's script must be same-origin, so a script of another origin is
 * imported by a small one: from a blob; or from a `data:` address in a realm of an opaque origin (a sandboxed frame, a
 * file), where Chromium loads no module from a blob.
 *
 * @param files What the worker loads, which it reads by `filesOf(location.hash)`.
 */
export function createWorker(url: URL, name: string, files?: object): StartedWorker {
  const fragment = files ? filesFragment(files) : ''
  // `location.origin` names the address's origin also where the realm's own is opaque.
  if (url.origin === self.origin) return start(url.href + fragment, name)
  const code = `import ${JSON.stringify(url.href)}`
  if (self.origin === 'null')
    return start(`data:text/javascript,${encodeURIComponent(code)}${fragment}`, name)
  const blob = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
  const { worker, terminate } = start(blob + fragment, name)
  return {
    worker,
    terminate: () => {
      URL.revokeObjectURL(blob)
      terminate()
    },
  }
}

function start(address: string, name: string): StartedWorker {
  const worker = new Worker(scriptAddress(address), { type: 'module', name })
  return { worker, terminate: () => worker.terminate() }
}
