import { SpillwayError } from '../../../models/core/error.ts'

/** Pictures are read at this width: more than models read, and little to hold. */
const width = 640

/**
 * A picture of a file at a moderate size. It is decoded and scaled off the page's thread, also one of 50 megapixels.
 *
 * @throws SpillwayError `input_value_invalid` where the browser cannot read it.
 */
export async function readPicture(file: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, { resizeWidth: width, resizeQuality: 'medium' })
  } catch (cause) {
    throw new SpillwayError(
      'input_value_invalid',
      'The file is no picture that this browser reads',
      { expected: 'a picture, such as PNG, JPEG or WebP', got: file.type || 'a file without a type' },
      { cause },
    )
  }
}

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
