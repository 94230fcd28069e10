import type { Amount } from './time-streams.ts'

export const fullAmount: Amount = { streams: [1, 8, 32, 128], prompt: 16, tokens: 64, rounds: 3 }

/** What a software adapter finishes within a minute. */
export const smallAmount: Amount = { streams: [1, 2], prompt: 16, tokens: 8, rounds: 1 }

/** The same with at most so many texts at once. */
export const upTo = (most: number, amount: Amount): Amount => ({
  ...amount,
  streams: amount.streams.filter((streams) => streams <= most),
})
