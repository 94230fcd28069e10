import { lexer, type Token, type Tokens } from 'marked'

/** A Markdown document as its blocks, with the anchor that GitHub gives each heading. */
export interface ParsedDocument {
  readonly path: string
  readonly blocks: readonly Token[]
  readonly anchors: ReadonlyMap<Token, string>
}

export const isHeading = (token: Token): token is Tokens.Heading => token.type === 'heading'

/** @param path From the root of the repository. */
export function parseDocument(path: string, markdown: string): ParsedDocument {
  const blocks = lexer(markdown)
  const anchors = new Map<Token, string>()
  const taken = new Names()
  for (const heading of blocks.filter(isHeading)) anchors.set(heading, taken.take(anchorOf(heading.text)))
  return { path, blocks, anchors }
}

/** The blocks of the sections with these headings, each with the sections below it. */
export function selectSections({ path, blocks }: ParsedDocument, titles: readonly string[]): Token[] {
  return titles.flatMap((title) => {
    const start = blocks.findIndex((block) => isHeading(block) && block.text === title)
    const heading = blocks[start]
    if (!heading || !isHeading(heading)) throw new Error(`${path} has no section "${title}"`)
    const end = blocks.findIndex(
      (block, index) => index > start && isHeading(block) && block.depth <= heading.depth,
    )
    return blocks.slice(start, end === -1 ? undefined : end)
  })
}

/** Names of which each is given once: a second one gets a number, as on GitHub. */
export class Names {
  readonly #taken = new Set<string>()

  take(name: string): string {
    let free = name
    for (let number = 1; this.#taken.has(free); number++) free = `${name}-${number}`
    this.#taken.add(free)
    return free
  }
}

const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')
