import { find } from '../../../view/find.ts'
import { onColourChange, tokensOf } from '../colours.ts'
import { Tile, type TileColours } from './tile.ts'

/** The tiles of all streams: as many as the visitor chose. */
export class Tiles {
  readonly #list: HTMLElement
  /** Of which the others are copies. */
  readonly #first: HTMLElement
  readonly #changed: (stream: number) => void
  readonly #all: Tile[] = []
  #colours: TileColours

  /**
   * @param list Has one tile.
   * @param changed A tile has another size, or other colours: its picture has to be drawn again.
   */
  constructor(list: HTMLElement, changed: (stream: number) => void) {
    this.#list = list
    this.#changed = changed
    this.#colours = coloursOf(list)
    this.#first = find('li', HTMLElement, list)
    this.#add(this.#first)
    onColourChange(() => {
      this.#colours = coloursOf(list)
      for (const stream of this.#all.keys()) changed(stream)
    })
  }

  get all(): readonly Tile[] {
    return this.#all
  }

  setCount(count: number): void {
    for (const tile of this.#all.splice(count)) tile.close()
    while (this.#all.length < count) {
      const element = this.#first.cloneNode(true)
      if (!(element instanceof HTMLElement)) return
      this.#list.append(element)
      this.#add(element)
    }
    this.#list.dataset.count = String(count)
  }

  #add(element: HTMLElement): void {
    const stream = this.#all.length
    const tile = new Tile(element, {
      number: stream + 1,
      colours: () => this.#colours,
      resized: () => this.#changed(stream),
    })
    this.#all.push(tile)
  }
}

function coloursOf(element: Element): TileColours {
  const token = tokensOf(element)
  return {
    device: token('--device'),
    server: token('--server'),
    none: token('--text'),
    rim: token('--surface'),
  }
}
