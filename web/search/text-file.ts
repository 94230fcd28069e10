import { SpillwayError } from '../../models/core/error.ts'

const bytesText = (count: number) => `${(count / 1_000_000).toFixed(1)} MB`

/**
 * The text of a file, which is UTF-8, or UTF-16 with its byte order mark.
 *
 * @throws SpillwayError `input_value_invalid` for a file that is larger, or no text.
 */
export async function readTextFile(file: Blob, maxBytes: number): Promise<string> {
  if (file.size > maxBytes)
    throw new SpillwayError('input_value_invalid', 'The file is too large to search here', {
      expected: `at most ${bytesText(maxBytes)}`,
      got: bytesText(file.size),
    })
  const bytes = new Uint8Array(await file.arrayBuffer())
  try {
    const text = new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes)
    if (!text.includes('\0')) return text
  } catch {
    // Bytes that no text has: said below.
  }
  throw new SpillwayError('input_value_invalid', 'The file is no text', {
    expected: 'a text file, in UTF-8',
    got: file.type || 'a file without a type',
  })
}

function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  if (first === 0xfe && second === 0xff) return 'utf-16be'
  return 'utf-8'
}
