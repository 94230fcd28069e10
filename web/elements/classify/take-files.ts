/** What to do with files that come by drop and by paste. */
interface FileTaker {
  readonly signal: AbortSignal
  readonly allows: () => boolean
  readonly take: (file: File) => void
}

/** Takes the first file that is dropped on the pad, or pasted while the focus is within the root. */
export function takeFiles(root: ShadowRoot, pad: HTMLElement, { signal, allows, take }: FileTaker): void {
  const takeFirst = (event: Event, transfer: DataTransfer | null) => {
    const [file] = transfer?.files ?? []
    if (!file || !allows()) return
    event.preventDefault()
    take(file)
  }
  const paste = (event: Event) => {
    if (event instanceof ClipboardEvent) takeFirst(event, event.clipboardData)
  }
  root.addEventListener('paste', paste, { signal })
  pad.addEventListener('drop', (event) => {
    // Else the browser would leave the page for the file.
    event.preventDefault()
    pad.removeAttribute('data-over')
    takeFirst(event, event.dataTransfer)
  })
  pad.addEventListener('dragover', (event) => {
    if (!allows()) return
    event.preventDefault()
    pad.setAttribute('data-over', '')
  })
  pad.addEventListener('dragleave', () => pad.removeAttribute('data-over'))
}
