export interface StartedWorker {
  readonly worker: Worker
  /** Ends it at once, whatever it does. */
  terminate(): void
}

/** A worker's script must be of the page's own origin; a blob is, and may import the real one from elsewhere. */
export function createWorker(url: URL, name: string): StartedWorker {
  if (url.origin === location.origin) {
    const worker = new Worker(url, { type: 'module', name })
    return { worker, terminate: () => worker.terminate() }
  }
  const blob = URL.createObjectURL(
    new Blob([`import ${JSON.stringify(url.href)}`], { type: 'text/javascript' }),
  )
  const worker = new Worker(blob, { type: 'module', name })
  return {
    worker,
    terminate: () => {
      URL.revokeObjectURL(blob)
      worker.terminate()
    },
  }
}
