import type { WriteResult } from '../../store/storage/model-store.ts'
import { countText } from '../../view/words.ts'

/** Where the vectors came from, or whether they are here at the next visit. */
export function keptWords(result: WriteResult, fromStore: number, size: number): string {
  if (result === 'full')
    return '. This browser has no room to keep what was read: the next visit reads it again.'
  if (result === 'refused') return '. This browser keeps nothing: the next visit reads it again.'
  if (fromStore === 0) return ', and kept for the next visit'
  return fromStore === size
    ? ', as an earlier visit kept them'
    : `, ${countText(fromStore)} as an earlier visit kept them`
}
