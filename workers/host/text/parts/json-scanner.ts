/** Characters of JSON outside of strings: structure, spaces, numbers, and the letters of `true`, `false` and `null`. */
const outside = /[[\]{}:,\s\d+\-.eEtrufalsn]/

/** Finds the end of an object or a list in JSON that comes in pieces, or the place from which it is no JSON. */
export class JsonScanner {
  #depth = 0
  #isInString = false
  #isEscaped = false

  /** @param character The next one, from the first bracket on. */
  step(character: string): 'more' | 'end' | 'bad' {
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false
      else if (character === '\\') this.#isEscaped = true
      else if (character === '"') this.#isInString = false
      return 'more'
    }
    if (character === '"') {
      this.#isInString = true
      return 'more'
    }
    if (!outside.test(character)) return 'bad'
    if (character === '{' || character === '[') this.#depth++
    else if (character === '}' || character === ']') this.#depth--
    return this.#depth === 0 ? 'end' : 'more'
  }
}
