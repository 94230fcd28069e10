import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'
import { guidePage } from './docs/guide-page.ts'
import { guides } from './docs/guides.ts'
import { guideFolder, type RenderedGuide, renderGuides } from './docs/render-guides.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** The page of a guide as an entry of the build. There is no such file. */
const pageId = (name: string) => `${root}${guideFolder}/${name}.html`

/** Writes the guides of the repository as pages of the site, in its folder `docs`. */
export function docsPages(): Plugin {
  let rendered: RenderedGuide[] | undefined
  const all = () => {
    rendered ??= renderGuides((document) => readFileSync(`${root}${document}`, 'utf8'))
    return rendered
  }
  return {
    name: 'spillway:docs-pages',
    apply: 'build',
    enforce: 'pre',
    config: () => ({
      environments: {
        client: {
          build: {
            rolldownOptions: {
              input: Object.fromEntries(guides.map(({ name }) => [`docs-${name}`, pageId(name)])),
            },
          },
        },
      },
    }),
    resolveId: {
      filter: { id: /\/docs\/[\w-]+\.html$/ },
      handler: (id) => (guides.some(({ name }) => id === pageId(name)) ? id : undefined),
    },
    load: {
      filter: { id: /\/docs\/[\w-]+\.html$/ },
      handler(id) {
        const index = guides.findIndex(({ name }) => id === pageId(name))
        if (index === -1) return undefined
        return guidePage(all(), index)
      },
    },
  }
}
