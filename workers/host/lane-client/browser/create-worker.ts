export interface StartedWorker {
  readonly worker: Worker
  /** Ends it at once. */
  terminate(): void
}

/** Starts a worker from any origin. A worker's script must be same-origin: a blob is, and may import the real script. */
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
