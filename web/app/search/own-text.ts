import { SpillwayError } from '../../../models/core/index.ts'
import { readTextFile } from '../../search/text-file.ts'

/** A longer text would have too many passages to read while a visitor waits: this is about 5,000 of them. */
const maxCharacters = 2_000_000

/** @throws SpillwayError `input_value_invalid` for a text that is too long to search here. */
export function checkOwnText(text: string): string {
  if (text.length <= maxCharacters) return text
  throw new SpillwayError('input_value_invalid', 'The text is too long to search here', {
    expected: `at most ${maxCharacters.toLocaleString('en')} characters`,
    got: text.length.toLocaleString('en'),
  })
}

/** Reads a text file that is dropped on the field. */
export function acceptDrops(
  own: HTMLTextAreaElement,
  onText: () => void,
  fail: (cause: unknown) => void,
): void {
  own.addEventListener('dragover', (event) => event.preventDefault())
  own.addEventListener('drop', (event) => {
    const file = event.dataTransfer?.files[0]
    if (!file) return
    event.preventDefault()
    readTextFile(file, maxCharacters).then((text) => {
      own.value = text
      onText()
    }, fail)
  })
}
