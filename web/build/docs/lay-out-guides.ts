import { posix } from 'node:path'
import type { Token } from 'marked'
import { type Guide, guides } from './guides.ts'
import { isHeading, Names, type ParsedDocument, parseDocument, selectSections } from './parse-document.ts'

/** The blocks that a guide has of one document. */
export interface LaidOutPart {
  readonly document: ParsedDocument
  readonly blocks: readonly Token[]
  /** How much deeper a heading is on the page: the page has the site's name and the guide's title above. */
  readonly deeper: number
}

export interface LaidOutGuide {
  readonly guide: Guide
  readonly parts: readonly LaidOutPart[]
  /** The id of each heading on the page. */
  readonly ids: ReadonlyMap<Token, string>
}

/** @param read Reads a document by its path from the root of the repository. */
export function layOutGuides(read: (document: string) => string): LaidOutGuide[] {
  const documents = new Map<string, ParsedDocument>()
  const parsed = (path: string) => {
    const document = documents.get(path) ?? parseDocument(path, read(path))
    documents.set(path, document)
    return document
  }
  return guides.map((guide) => {
    const parts = guide.parts.map(({ document: path, sections }): LaidOutPart => {
      const document = parsed(path)
      if (sections) return { document, blocks: selectSections(document, sections), deeper: 1 }
      if (guide.parts.length > 1) return { document, blocks: document.blocks, deeper: 2 }
      // The guide's title is in place of the document's.
      return { document, blocks: document.blocks.filter((block) => !isTitle(block)), deeper: 1 }
    })
    return { guide, parts, ids: idsOf(parts) }
  })
}

const isTitle = (block: Token) => isHeading(block) && block.depth === 1

function idsOf(parts: readonly LaidOutPart[]): Map<Token, string> {
  const ids = new Map<Token, string>()
  const taken = new Names()
  taken.take(titleId)
  for (const { document, blocks } of parts)
    for (const block of blocks) {
      const anchor = document.anchors.get(block)
      if (anchor !== undefined) ids.set(block, taken.take(anchor))
    }
  return ids
}

/** The id of the guide's title. */
export const titleId = 'guide-title'

/** Relative to the folder of the guides. */
export const guideAddress = ({ name }: Guide): string => (name === 'index' ? './' : `./${name}.html`)

/** Where on the site the links of the documents lead. */
export class GuideLinks {
  readonly #addresses = new Map<string, string>()

  constructor(pages: readonly LaidOutGuide[]) {
    // A document without a section is the guide that begins with it.
    for (const { guide, parts } of pages) if (parts[0]) this.#add(parts[0].document.path, guideAddress(guide))
    for (const { guide, parts, ids } of pages)
      for (const { document, blocks } of parts) {
        this.#add(document.path, guideAddress(guide))
        for (const block of blocks) {
          const [anchor, id] = [document.anchors.get(block), ids.get(block)]
          if (anchor !== undefined && id !== undefined)
            this.#add(`${document.path}#${anchor}`, `${guideAddress(guide)}#${id}`)
        }
      }
  }

  /** The address for a link of a document; undefined where it leads to what the guides leave out. */
  addressOf(from: string, target: string): string | undefined {
    if (/^[a-z][a-z+.-]*:/i.test(target)) return target
    const [path = '', anchor] = target.split('#')
    const document = path === '' ? from : posix.join(posix.dirname(from), path)
    return this.#addresses.get(anchor === undefined ? document : `${document}#${anchor}`)
  }

  /** The first guide that has a document, or a section, is the one for it. */
  #add(target: string, address: string): void {
    if (!this.#addresses.has(target)) this.#addresses.set(target, address)
  }
}
