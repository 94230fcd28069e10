import type { WrittenCall } from '../types.ts'
import { type CallMarkers, readCalls } from './call-markers.ts'
import { heldBack } from './held-back.ts'
import { JsonScanner } from './json-scanner.ts'

/** Text, or a call. */
export type Segment = string | WrittenCall

/** The longest name before the JSON, with its markers. */
const longestHead = 200

/**
 * Takes calls of tools out of a text that comes in pieces. A call comes when it is complete. What begins like a call and
 * is none comes as text. Spaces around calls are dropped.
 */
export class CallReader {
  readonly #format: CallMarkers
  readonly #isTool: (name: string) => boolean
  /** `start`: where a call without a marker may begin. */
  #state: 'start' | 'text' | 'call' | 'plain'
  /** Text whose end or kind is not decided. */
  #held = ''
  /** In a call: what stood before `#held`. */
  #before = ''
  #scanner = new JsonScanner()
  /** In a call: how much of `#held` was looked at, and where its JSON begins and ends. */
  #scanned = 0
  #from: number | undefined
  #to: number | undefined
  #isAfterCall = false

  /** @param isTool Whether there is a tool of the name. Only calls without a marker depend on it. */
  constructor(format: CallMarkers, isTool: (name: string) => boolean) {
    this.#format = format
    this.#isTool = isTool
    this.#state = format.open === '' ? 'start' : 'text'
  }

  /** The segments that are certain now. */
  push(text: string): Segment[] {
    this.#held += text
    const segments: Segment[] = []
    let isMore = true
    while (isMore) isMore = this.#step(segments)
    return segments
  }

  /** The segments that were held back. A call whose last marker is missing is one. */
  end(): Segment[] {
    const segments: Segment[] = []
    if (this.#state === 'call') {
      const isRead = this.#to !== undefined && this.#held.slice(this.#to).trim() === ''
      if (!isRead || !this.#finish(segments, this.#held.length)) this.#refuse(segments, this.#held.length)
    }
    const rest =
      this.#state === 'start' ? this.#held.replace(this.#isAfterCall ? /^[\s;]+/ : '', '') : this.#held
    this.#held = ''
    this.#emit(segments, rest)
    return segments
  }

  /** @returns Whether another step may follow. */
  #step(segments: Segment[]): boolean {
    switch (this.#state) {
      case 'plain':
        this.#emit(segments, this.#held)
        this.#held = ''
        return false
      case 'start':
        return this.#begin()
      case 'text':
        return this.#search(segments)
      case 'call':
        return this.#read(segments)
    }
  }

  /** A call without a marker: the answer begins with its JSON, or with the tag. */
  #begin(): boolean {
    const { tag } = this.#format
    const trimmed = this.#held.replace(this.#isAfterCall ? /^[\s;]+/ : /^\s+/, '')
    if (tag.startsWith(trimmed) && trimmed !== tag) return false
    const hasTag = trimmed.startsWith(tag)
    if (hasTag || trimmed.startsWith('{')) {
      this.#enter(this.#held.length - trimmed.length + (hasTag ? tag.length : 0))
    } else this.#state = 'plain'
    return true
  }

  #search(segments: Segment[]): boolean {
    const { open } = this.#format
    const at = this.#held.indexOf(open)
    const end = at >= 0 ? at : this.#held.length - heldBack(this.#held, open)
    const certain = this.#held.slice(0, end).trimEnd()
    this.#held = this.#held.slice(certain.length)
    this.#emit(segments, certain)
    if (at < 0) return false
    this.#enter(at - certain.length + open.length)
    return true
  }

  /** @param length Of what stands before the call in the held text. */
  #enter(length: number): void {
    this.#before = this.#held.slice(0, length)
    this.#held = this.#held.slice(length)
    this.#state = 'call'
    this.#scanner = new JsonScanner()
    this.#scanned = 0
    this.#from = undefined
    this.#to = undefined
  }

  #read(segments: Segment[]): boolean {
    const { close } = this.#format
    while (this.#to === undefined && this.#scanned < this.#held.length) {
      const found = this.#look(this.#held[this.#scanned] ?? '')
      if (found === 'bad') return this.#refuse(segments, this.#scanned)
      this.#scanned++
      if (found === 'end') this.#to = this.#scanned
    }
    if (this.#to === undefined) return false
    const rest = this.#held.slice(this.#to).trimStart()
    if (close.startsWith(rest) && rest !== close) return false
    const end = this.#held.length - rest.length + close.length
    if (rest.startsWith(close) && this.#finish(segments, close === '' ? this.#to : end)) return true
    return this.#refuse(segments, this.#to)
  }

  #look(character: string): 'more' | 'end' | 'bad' {
    if (this.#from === undefined) {
      const isHead = this.#format.hasHead && this.#scanned < longestHead
      const isBlank = this.#held.slice(0, this.#scanned).trim() === ''
      if (character !== '{' && !(character === '[' && isHead && isBlank))
        return isHead || character.trim() === '' ? 'more' : 'bad'
      this.#from = this.#scanned
    }
    return this.#scanner.step(character)
  }

  /** @returns Whether the JSON describes calls. */
  #finish(segments: Segment[], end: number): boolean {
    const from = this.#from ?? 0
    const calls = readCalls(this.#format, this.#held.slice(0, from), this.#held.slice(from, this.#to))
    const isMarked = this.#format.open !== ''
    if (!calls?.every(({ function: { name } }) => isMarked || this.#isTool(name))) return false
    segments.push(...calls)
    this.#held = this.#held.slice(end)
    this.#isAfterCall = true
    this.#state = isMarked ? 'text' : 'start'
    return true
  }

  /** It is no call: it comes as text up to there. */
  #refuse(segments: Segment[], end: number): true {
    this.#isAfterCall = false
    this.#emit(segments, this.#before + this.#held.slice(0, end))
    this.#held = this.#held.slice(end)
    this.#state = this.#format.open === '' ? 'plain' : 'text'
    return true
  }

  #emit(segments: Segment[], text: string): void {
    const kept = this.#isAfterCall ? text.trimStart() : text
    if (kept === '') return
    this.#isAfterCall = false
    segments.push(kept)
  }
}
