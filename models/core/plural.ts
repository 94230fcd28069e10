/** A count with its noun: `1 file`, `2 files`, `1,024 layers`. For nouns whose plural takes an `s`. */
export const countOf = (count: number, noun: string): string =>
  `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`
