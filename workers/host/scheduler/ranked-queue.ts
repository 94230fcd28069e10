/** What has a place among others; the lowest goes first. */
export interface Ranked {
  readonly rank: number
}

interface Item<T> {
  readonly value: T
  /** Of equal ranks, the first that came goes first. */
  readonly order: number
}

/** Takes requests in any order and gives them by rank: a binary heap. */
export class RankedQueue<T extends Ranked> {
  #items: Item<T>[] = []
  #pushed = 0

  get size(): number {
    return this.#items.length
  }

  push(value: T): void {
    this.#items.push({ value, order: this.#pushed++ })
    this.#rise(this.#items.length - 1)
  }

  peek(): T | undefined {
    return this.#items[0]?.value
  }

  shift(): T | undefined {
    const first = this.#items[0]
    const last = this.#items.pop()
    if (first === undefined || last === undefined) return undefined
    if (this.#items.length > 0) {
      this.#items[0] = last
      this.#sink(0)
    }
    return first.value
  }

  keep(stays: (value: T) => boolean): void {
    this.#items = this.#items.filter(({ value }) => stays(value))
    for (let at = (this.#items.length >> 1) - 1; at >= 0; at--) this.#sink(at)
  }

  /** In no order. */
  *[Symbol.iterator](): Iterator<T> {
    for (const { value } of this.#items) yield value
  }

  #rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!this.#swapIfBefore(at, parent)) return
      at = parent
    }
  }

  #sink(from: number): void {
    for (let at = from; ; ) {
      const left = 2 * at + 1
      const child = this.#isBefore(left + 1, left) ? left + 1 : left
      if (!this.#swapIfBefore(child, at)) return
      at = child
    }
  }

  #swapIfBefore(one: number, other: number): boolean {
    const [first, second] = [this.#items[one], this.#items[other]]
    if (!first || !second || !this.#isBefore(one, other)) return false
    this.#items[one] = second
    this.#items[other] = first
    return true
  }

  #isBefore(one: number, other: number): boolean {
    const [first, second] = [this.#items[one], this.#items[other]]
    if (!first || !second) return false
    const { rank } = second.value
    return first.value.rank < rank || (first.value.rank === rank && first.order < second.order)
  }
}
