import { posix } from 'node:path'
import { Parser, Renderer, type Tokens } from 'marked'
import type { Guide } from './guides.ts'
import { GuideLinks, type LaidOutGuide, type LaidOutPart, layOutGuides } from './lay-out-guides.ts'
import { isHeading } from './parse-document.ts'

export interface RenderedGuide {
  readonly guide: Guide
  /** The article without its title. */
  readonly html: string
  /** The sections, for the contents. */
  readonly sections: readonly { readonly id: string; readonly html: string }[]
}

/** Where pages of the guides would lie among the sources: what they show is found from there. */
export const guideFolder = 'web/app/docs'

/** All guides as HTML, from the documents of the repository. @param read Reads a document by its path. */
export function renderGuides(read: (document: string) => string): RenderedGuide[] {
  const pages = layOutGuides(read)
  const links = new GuideLinks(pages)
  return pages.map((page) => {
    const html = page.parts.map((part) =>
      Parser.parse([...part.blocks], { renderer: new GuideRenderer(page, part, links) }),
    )
    return { guide: page.guide, html: html.join('\n'), sections: sectionsOf(page) }
  })
}

function sectionsOf({ parts, ids }: LaidOutGuide): RenderedGuide['sections'] {
  return parts.flatMap(({ blocks, deeper }) =>
    blocks.filter(isHeading).flatMap((heading) => {
      const id = ids.get(heading)
      if (id === undefined || heading.depth + deeper > 3) return []
      return [{ id, html: Parser.parseInline(heading.tokens) }]
    }),
  )
}

class GuideRenderer extends Renderer {
  readonly #page: LaidOutGuide
  readonly #part: LaidOutPart
  readonly #links: GuideLinks

  constructor(page: LaidOutGuide, part: LaidOutPart, links: GuideLinks) {
    super()
    this.#page = page
    this.#part = part
    this.#links = links
  }

  /** A heading is a link to itself. */
  override heading(heading: Tokens.Heading): string {
    const level = heading.depth + this.#part.deeper
    const id = this.#page.ids.get(heading) ?? ''
    return `<h${level} id="${id}"><a href="#${id}">${this.parser.parseInline(heading.tokens)}</a></h${level}>\n`
  }

  /** A link to a file that the guides leave out is text: the site has no copy of the sources. */
  override link(link: Tokens.Link): string {
    const href = this.#links.addressOf(this.#part.document.path, link.href)
    if (href === undefined) return this.parser.parseInline(link.tokens)
    return super.link({ ...link, href })
  }

  override image(image: Tokens.Image): string {
    const file = posix.join(posix.dirname(this.#part.document.path), image.href)
    return super.image({ ...image, href: posix.relative(guideFolder, file) })
  }

  // Wider than a small window, both scroll by themselves; by keyboard, too.

  override table(table: Tokens.Table): string {
    return `<div class="wide" tabindex="0">${super.table(table)}</div>\n`
  }

  override code(code: Tokens.Code): string {
    return super.code(code).replace('<pre>', '<pre tabindex="0">')
  }
}
