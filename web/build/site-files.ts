import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { Plugin } from 'vite'

const id = 'virtual:site-files'

/** A page of the site. The one of the API needs its server. */
const isPage = (name: string) => name.endsWith('.html') && name !== 'openapi.html'

/** What pages load, by names that contain a hash of the content. Swagger UI belongs to the page of the API. */
const isPart = (name: string) => /^assets\/(?!swagger-ui|api-page)[^/]+\.(?:js|mjs|css|svg|woff2)$/.test(name)

/** Larger parts, in bytes, are those that few visits use: the browser keeps them once they were used. */
const maxPartBytes = 200_000

export const revisionOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** The files of a built site that it needs without a network. A part needs no revision: its name has one. */
export async function listSiteFiles(
  folder: string,
): Promise<{ readonly url: string; readonly revision: string | null }[]> {
  const files: { url: string; revision: string | null }[] = []
  const names = await readdir(folder, { recursive: true })
  for (const name of names.map((path) => path.replaceAll(sep, '/')).sort()) {
    if (!isPage(name) && !isPart(name)) continue
    const bytes = await readFile(join(folder, name))
    if (isPage(name)) files.push({ url: name, revision: revisionOf(bytes) })
    else if (bytes.length <= maxPartBytes) files.push({ url: name, revision: null })
  }
  return files
}

/** `import { siteFiles } from 'virtual:site-files'` gives the files that are in the folder of the build already. */
export const siteFiles = (): Plugin => ({
  name: 'spillway:site-files',
  apply: 'build',
  applyToEnvironment: ({ name }) => name === 'siteWorker',
  resolveId: { filter: { id: /^virtual:site-files$/ }, handler: () => id },
  load: {
    filter: { id: /^virtual:site-files$/ },
    async handler() {
      const files = await listSiteFiles(this.environment.config.build.outDir)
      return `export const siteFiles = ${JSON.stringify(files)}`
    },
  },
})
