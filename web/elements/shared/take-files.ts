/** What to do with files that come by drop and by paste. */
interface FileTaker {
  readonly signal: AbortSignal
  readonly allows: () => boolean
  readonly take: (file: File) => void
}

/** Takes the first file that is dropped on the frame, which has `data-over` while one is held above it. */
export function takeDropped(frame: HTMLElement, { signal, allows, take }: FileTaker): void {
  frame.addEventListener(
    'drop',
    (event) => {
      frame.removeAttribute('data-over')
      const [file] = event.dataTransfer?.files ?? []
      if (!file) return
      // Else the browser would leave the page for the file.
      event.preventDefault()
      if (allows()) take(file)
    },
    { signal },
  )
  frame.addEventListener(
    'dragover',
    (event) => {
      if (!allows()) return
      event.preventDefault()
      frame.setAttribute('data-over', '')
    },
    { signal },
  )
  frame.addEventListener('dragleave', () => frame.removeAttribute('data-over'), { signal })
}

/** Takes the first file that is pasted while the focus is within the root. */
export function takePasted(root: ShadowRoot, { signal, allows, take }: FileTaker): void {
  const paste = (event: Event) => {
    const [file] = (event instanceof ClipboardEvent && event.clipboardData?.files) || []
    if (!file || !allows()) return
    event.preventDefault()
    take(file)
  }
  root.addEventListener('paste', paste, { signal })
}
