import { filesFragment } from '../../../protocol/worker-files.ts'
import { scriptAddress } from './trusted-types.ts'

export interface StartedWorker {
  readonly worker: Worker
  /** Ends it at once. */
  terminate(): void
  /** Why it ended, by its event `error`. A script that did not load has no message: the browser tells nobody why. */
  endReason(event: ErrorEvent): string
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
  if (url.origin === self.origin) return start(url.href + fragment, name, notLoaded(url))
  const code = `import ${JSON.stringify(url.href)}`
  if (self.origin === 'null')
    return start(`data:text/javascript,${encodeURIComponent(code)}${fragment}`, name, notLoaded(url, 'data:'))
  const blob = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
  const started = start(blob + fragment, name, notLoaded(url, 'blob:'))
  return {
    ...started,
    terminate: () => {
      URL.revokeObjectURL(blob)
      started.terminate()
    },
  }
}

function start(address: string, name: string, otherwise: string): StartedWorker {
  const worker = new Worker(scriptAddress(address), { type: 'module', name })
  return {
    worker,
    terminate: () => worker.terminate(),
    endReason: ({ message }) => message || otherwise,
  }
}

/** @param scheme Of the small script that imports it, where it is of another origin. */
const notLoaded = (url: URL, scheme?: string): string => {
  const policy = scheme
    ? `the page's content security policy needs "worker-src ${scheme} ${url.origin}"`
    : "the page's content security policy has to allow it as worker-src, and a bundler to leave it a file of its own"
  return `its script ${withoutData(url)} did not load. The address has to answer with JavaScript, and ${policy} (web/README.md: "Content security policy", "In a bundled application")`
}

/** A bundler may have put the whole script into the address. */
const withoutData = ({ protocol, href }: URL) => (protocol === 'data:' ? `${href.slice(0, 40)}…` : href)
