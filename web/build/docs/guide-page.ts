import type { Guide } from './guides.ts'
import { guideAddress, titleId } from './lay-out-guides.ts'
import type { RenderedGuide } from './render-guides.ts'

/** A guide needs no script, and nothing from elsewhere. */
const policy =
  "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"

/** The page of a guide, between its neighbours. What all pages share is added as to the others. */
export function guidePage(guides: readonly RenderedGuide[], index: number): string {
  const page = guides[index]
  if (!page) throw new Error(`There is no guide ${index}`)
  const { guide, html } = page
  return `<!doctype html>
<html lang="en">
  <head>
    <title>${guide.title} – Spillway</title>
    <meta name="description" content="${guide.description}" />
    <meta http-equiv="content-security-policy" content="${policy}" />
    <link rel="stylesheet" href="../styles/docs.css" />
  </head>
  <body>
    <main class="docs">
      <nav class="guides" aria-label="Guides">
        <ul>
          ${guides.map((entry) => listed(entry, entry === page)).join('\n          ')}
        </ul>
      </nav>
      <article class="guide" aria-labelledby="${titleId}">
        <h2 id="${titleId}">${guide.title}</h2>
        <p class="lead">${guide.description}</p>
        ${html}
      </article>
      <nav class="neighbours" aria-label="Previous and next guide">
        ${neighbour('prev', 'Previous', guides[index - 1]?.guide)}
        ${neighbour('next', 'Next', guides[index + 1]?.guide)}
      </nav>
    </main>
  </body>
</html>
`
}

function listed({ guide, sections }: RenderedGuide, isCurrent: boolean): string {
  const link = `<a href="${guideAddress(guide)}"${isCurrent ? ' aria-current="page"' : ''}>${guide.title}</a>`
  if (!isCurrent || sections.length < 2) return `<li>${link}</li>`
  const inner = sections.map(({ id, html }) => `<li><a href="#${id}">${html}</a></li>`)
  return `<li>${link}<ul>${inner.join('')}</ul></li>`
}

const neighbour = (rel: 'prev' | 'next', word: string, guide: Guide | undefined) =>
  guide ? `<a rel="${rel}" href="${guideAddress(guide)}"><span>${word}</span> ${guide.title}</a>` : ''
