/** The progress of a download that several models wait for beside their own files. */
export class SideDownload<T = unknown> {
  readonly #listeners = new Set<() => void>()
  #loadedBytes = 0
  #totalBytes = 0
  #isDone = false
  readonly result: Promise<T>

  constructor(work: (download: SideDownload<T>) => Promise<T>) {
    this.result = work(this).then((result) => {
      this.#isDone = true
      return result
    })
    this.result.catch(() => undefined)
  }

  /** Bytes that came from the network, as it carries them: compressed where the server compresses. */
  get loadedBytes(): number {
    return this.#loadedBytes
  }

  /** Zero while nothing has to be downloaded. */
  get totalBytes(): number {
    return this.#totalBytes
  }

  get isDone(): boolean {
    return this.#isDone
  }

  report(loadedBytes: number, totalBytes: number): void {
    this.#loadedBytes = Math.round(Math.min(loadedBytes, totalBytes))
    this.#totalBytes = Math.round(totalBytes)
    for (const listener of this.#listeners) listener()
  }

  /** Calls back at each report. Returns how to stop. */
  onReport(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
