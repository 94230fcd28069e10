import type { ReasoningMarkers } from '../types.ts'
import { heldBack } from './held-back.ts'

/** A part of what a model wrote: its thought, and the text after it. */
export interface ReadPart {
  readonly reasoning: string
  readonly text: string
}

/** Takes the thought at the begin of an answer apart from its text. Markers, and the spaces around them, belong to neither. */
export interface ThoughtReader {
  /** The parts that are certain now. */
  push(text: string): ReadPart
  /** The parts that were held back. */
  end(): ReadPart
  /** Whether the thought has begun and not ended. */
  readonly isThinking: boolean
}

/** @param isOpen Whether the prompt ends with the marker that opens the thought. */
export function createThoughtReader({ open, close }: ReasoningMarkers, isOpen: boolean): ThoughtReader {
  let state: 'before' | 'thinking' | 'after' | 'text' = isOpen ? 'thinking' : 'before'
  let held = ''
  let hasThought = false

  /** The thought without the spaces at its begin and, once it has ended, at its end. */
  const thoughtOf = (text: string) => {
    const thought = hasThought ? text : text.trimStart()
    hasThought ||= thought !== ''
    return thought
  }

  const begin = (text: string): ReadPart => {
    held += text
    const trimmed = held.trimStart()
    if (trimmed.startsWith(open)) {
      held = ''
      state = 'thinking'
      return think(trimmed.slice(open.length))
    }
    if (open.startsWith(trimmed)) return { reasoning: '', text: '' }
    state = 'text'
    return { reasoning: '', text: held }
  }

  const think = (text: string): ReadPart => {
    held += text
    const end = held.indexOf(close)
    if (end >= 0) {
      const rest = held.slice(end + close.length)
      const reasoning = thoughtOf(held.slice(0, end).trimEnd())
      held = ''
      state = 'after'
      return { reasoning, text: answer(rest) }
    }
    const certain = held.slice(0, held.length - heldBack(held, close)).trimEnd()
    held = held.slice(certain.length)
    return { reasoning: thoughtOf(certain), text: '' }
  }

  const answer = (text: string): string => {
    const trimmed = text.trimStart()
    if (trimmed !== '') state = 'text'
    return trimmed
  }

  return {
    push(text) {
      if (state === 'before') return begin(text)
      if (state === 'thinking') return think(text)
      return { reasoning: '', text: state === 'after' ? answer(text) : text }
    },
    end() {
      if (state === 'before') return { reasoning: '', text: held }
      return { reasoning: state === 'thinking' ? thoughtOf(held.trimEnd()) : '', text: '' }
    },
    get isThinking() {
      return state === 'thinking'
    },
  }
}
