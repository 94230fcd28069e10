/** The layout of a row's parameters, in words of 32 bits. */
export const parameterWords = 18

/** Words of a row's result before the likeliest tokens: token, status, log probability, place of a bad logit. */
export const resultWords = 4

/** What came of a row. */
export const status = { chosen: 0, nan: 1, noNumber: 2, infinite: 3, noneLeft: 4 } as const

/** Bits of a row's flags. A row that `adds` counts its token for those after it. */
export const flag = { counts: 1, bias: 2, mask: 4, minP: 8, adds: 16 } as const

/** Set in a token's count once it was seen, if only in the prompt. */
export const seenBit = 2 ** 31

/** Invocations that share a row. */
export const width = 256
