import { textsOf } from '../openai/chat-message.ts'
import type { ChatMessage } from '../types.ts'
import type { ReadPrompt } from './prompt.ts'

/** Tokens of a context, and those of them that a prompt may take. */
export interface PromptRoom {
  readonly contextLength: number
  readonly promptLength: number
}

/** How chats and texts become tokens. */
export interface ChatTokenizer {
  chat(messages: readonly ChatMessage[]): readonly number[]
  encode(text: string): readonly number[]
}

/**
 * The prompt of a chat without its oldest turns: as few as have to go. The system's messages at the beginning and the last
 * turn always stay, so the prompt may still be too long.
 *
 * The oldest turns go in blocks of about a quarter of the context, counted from the chat's beginning. So the next prompts
 * begin like this one, whose keys and values a lane has. Turn by turn, each prompt would be read anew.
 */
export function dropTurns(
  messages: readonly ChatMessage[],
  { contextLength, promptLength }: PromptRoom,
  tokenizer: ChatTokenizer,
): ReadPrompt {
  const sizeBefore = sizesBefore(messages)
  const head = systemLength(messages)
  const starts = turnStarts(messages, head)
  const tokenBytes = bytesPerToken(messages.slice(head, starts[1]), tokenizer)
  const block = contextLength * blockShare * tokenBytes
  const cuts = cutsOf(starts, (start) => Math.floor((sizeBefore(start) - sizeBefore(head)) / block))
  const readAt = (at: number): ReadPrompt => {
    const cut = cuts[at] ?? head
    return {
      tokens: tokenizer.chat([...messages.slice(0, head), ...messages.slice(cut)]),
      droppedMessages: cut - head,
    }
  }
  const fits = ({ tokens }: ReadPrompt) => tokens.length <= promptLength
  // The first guess is by size: however long the chat has become, about as much is tokenized as fits.
  const size = sizeBefore(messages.length) + sizeBefore(head)
  const guess = cuts.findIndex((cut) => size - sizeBefore(cut) <= promptLength * tokenBytes)
  const last = cuts.length - 1
  return firstThat(fits, readAt, { guess: guess === -1 ? last : guess, last }) ?? readAt(last)
}

interface Places {
  readonly guess: number
  readonly last: number
}

/**
 * What is read at the first place that fits; all after it fit as well. It is sought near the guess, in steps that double,
 * then by halves: a guess may be far off, and each reading tokenizes a chat.
 */
function firstThat<T>(
  fits: (read: T) => boolean,
  readAt: (at: number) => T,
  { guess, last }: Places,
): T | undefined {
  let [low, high] = [0, last]
  let [found, at, step]: [T | undefined, number, number] = [undefined, guess, 1]
  while (low <= high) {
    const read = readAt(at)
    if (fits(read)) {
      found = read
      high = at - 1
    } else low = at + 1
    const isBetween = low > 0 && high < last
    at = isBetween ? (low + high) >> 1 : high < last ? Math.max(low, at - step) : Math.min(high, at + step)
    step *= 2
  }
  return found
}

/** The messages that always stay: those of the system at the beginning, and the last turn. */
export function keptMessages(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const head = systemLength(messages)
  return [...messages.slice(0, head), ...messages.slice(turnStarts(messages, head).at(-1))]
}

/** The share of the context that goes at a time. */
const blockShare = 1 / 4

/** Characters that show how many bytes a token has. */
const sampleLength = 1_000

const systemLength = (messages: readonly ChatMessage[]): number => {
  const length = messages.findIndex(({ role }) => role !== 'system' && role !== 'developer')
  return length === -1 ? messages.length : length
}

/** A turn is what is asked, in one message or several, with all that answers it: calls of tools and their results, too. */
function turnStarts(messages: readonly ChatMessage[], head: number): readonly number[] {
  const isAnswer = (message: ChatMessage | undefined) =>
    message?.role === 'assistant' || message?.role === 'tool'
  const starts = [head]
  for (const [index, message] of messages.entries())
    if (index > head && !isAnswer(message) && isAnswer(messages[index - 1])) starts.push(index)
  return starts
}

/**
 * Where a chat may begin without its oldest turns: at its beginning, or at the first turn past each block. Where what
 * follows the last block is too long, at any turn of it.
 *
 * @param blockOf The number of whole blocks before a turn.
 */
function cutsOf(starts: readonly number[], blockOf: (start: number) => number): readonly number[] {
  const beginsBlock = (start: number, at: number) => at > 0 && blockOf(start) > blockOf(starts[at - 1] ?? 0)
  const last = starts.findLastIndex(beginsBlock)
  return starts.filter((start, at) => at === 0 || at > last || beginsBlock(start, at))
}

/** Of the first turn, which stays the same while the chat grows: so the blocks do, too. */
function bytesPerToken(turn: readonly ChatMessage[], { encode }: ChatTokenizer): number {
  const sample = turn.flatMap(textsOf).join('').slice(0, sampleLength)
  return sample === '' ? 1 : sizeOf(sample) / Math.max(1, encode(sample).length)
}

/** The bytes of all texts before a message, or of the whole chat. */
function sizesBefore(messages: readonly ChatMessage[]): (index: number) => number {
  const sizes = [0]
  for (const message of messages) sizes.push((sizes.at(-1) ?? 0) + sizeOf(textsOf(message).join('')))
  return (index) => sizes[index] ?? 0
}

const sizeOf = (text: string): number => new TextEncoder().encode(text).length
