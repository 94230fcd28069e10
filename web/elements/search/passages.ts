import { systemClock } from '../../../models/async/clock.ts'
import { fetchWithTimeout } from '../../../models/async/fetch-with-timeout.ts'
import { SpillwayError } from '../../../models/core/error.ts'
import { splitPassages } from '../../search/split.ts'
import { readTextFile } from '../../search/text-file.ts'
import type { SearchSettings } from './settings.ts'

/** A text that is searched, with the child element that has it, where there is one. */
export interface Passage {
  readonly text: string
  readonly element?: HTMLElement
}

/** A text file has about so many bytes a passage: one with many more has too many passages. */
const bytesAPassage = 400

/** Milliseconds until an answer comes, and each further part of it. */
const timeoutMs = 30_000

/**
 * The passages of an element: the visitor's file, or the property `texts`, or the text at `src`, or the child elements.
 *
 * @throws SpillwayError `input_value_invalid` for a file that is no text, for a text at `src` that is not there, and for
 * more passages than `max-texts`; `server_unreachable`, `server_timeout`.
 */
export async function readPassages(
  element: HTMLElement & { readonly texts: readonly string[] | null },
  file: Blob | undefined,
  { src, maxTexts }: SearchSettings,
  signal: AbortSignal,
): Promise<readonly Passage[]> {
  const maxBytes = maxTexts * bytesAPassage
  const passages = await read()
  if (passages.length <= maxTexts) return passages
  throw new SpillwayError('input_value_invalid', 'There are more passages than are searched here', {
    expected: `at most ${maxTexts}`,
    got: `${passages.length}`,
    hint: 'The attribute "max-texts" sets it.',
  })

  async function read(): Promise<readonly Passage[]> {
    if (file) return split(await readTextFile(file, maxBytes))
    if (element.texts) return element.texts.filter((text) => text.trim() !== '').map((text) => ({ text }))
    if (src !== '') return split(await readTextFile(await fetchText(src, maxBytes, signal), maxBytes))
    return passageElements(element).map((child) => ({ text: textOf(child), element: child }))
  }
}

const split = (text: string): readonly Passage[] => splitPassages(text).map((passage) => ({ text: passage }))

const textOf = ({ textContent }: Element): string => (textContent ?? '').trim().replace(/\s+/g, ' ')

/** Those without a slot of their own that have a text. */
const passageElements = (element: Element): HTMLElement[] =>
  [...element.children].filter(
    (child): child is HTMLElement =>
      child instanceof HTMLElement && (child.slot === '' || isOurs(child.slot)) && textOf(child) !== '',
  )

const prefix = 'spillway-passage-'
const isOurs = (slot: string) => slot.startsWith(prefix)

/** Gives each passage's element the slot in which it is shown. */
export function assignSlots(passages: readonly Passage[]): void {
  for (const [index, { element }] of passages.entries()) {
    const slot = slotOf(index)
    if (element && element.slot !== slot) element.slot = slot
  }
}

export const slotOf = (index: number): string => `${prefix}${index}`

/** Leaves the child elements as they were. */
export function releaseSlots(element: Element): void {
  for (const child of element.children) if (isOurs(child.slot)) child.removeAttribute('slot')
}

async function fetchText(src: string, maxBytes: number, signal: AbortSignal): Promise<Blob> {
  const url = new URL(src, document.baseURI)
  const options = {
    clock: systemClock,
    timeoutMs,
    timeoutOf: 'silence',
    signal,
    onTimeout: () => new SpillwayError('server_timeout', `${url.href} does not answer`),
    onFailure: (cause: unknown) =>
      new SpillwayError('server_unreachable', `${url.href} cannot be reached`, {}, { cause }),
  } as const
  return fetchWithTimeout(url, options, async ({ ok, status }, body) => {
    if (!ok)
      throw new SpillwayError('input_value_invalid', 'The attribute "src" of <spillway-search> is invalid', {
        expected: 'the address of a text',
        got: `${url.href}, which answers ${status}`,
      })
    const parts: Uint8Array<ArrayBuffer>[] = []
    let bytes = 0
    for await (const part of body) {
      parts.push(part)
      bytes += part.length
      // Refused by its size: the rest of it need not come.
      if (bytes > maxBytes) break
    }
    return new Blob(parts)
  })
}
