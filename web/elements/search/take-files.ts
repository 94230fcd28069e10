/** Takes the first file that is dropped on the frame, where the element takes files. */
export function takeFiles(
  frame: HTMLElement,
  element: HTMLElement & { readonly disabled: boolean },
  signal: AbortSignal,
  take: (file: File) => void,
): void {
  const allows = () => element.hasAttribute('files') && !element.disabled
  frame.addEventListener(
    'drop',
    (event) => {
      frame.removeAttribute('data-over')
      const [file] = event.dataTransfer?.files ?? []
      if (!file || !allows()) return
      // Else the browser would leave the page for the file.
      event.preventDefault()
      take(file)
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
