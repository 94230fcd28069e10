import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Plugin } from 'vite'

const swagger = createRequire(import.meta.url).resolve('swagger-ui-dist/package.json')

/** The page lies beside `openapi.json`. No validator elsewhere is sent the document. */
const start = `SwaggerUIBundle({ url: 'openapi.json', dom_id: '#api', deepLinking: true, validatorUrl: null })\n`

/** @param files Addresses relative to the page: scripts in their order, and the styles. */
const page = ({ scripts, styles }: { scripts: readonly string[]; styles: string }) => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>API – Spillway</title>
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="description" content="The server's routes, from its OpenAPI document." />
    <meta
      http-equiv="content-security-policy"
      content="default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'"
    />
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="${styles}" />
  </head>
  <body>
    <noscript>This page needs JavaScript. The document itself is <a href="openapi.json">openapi.json</a>.</noscript>
    <main id="api"></main>
    ${scripts.map((src) => `<script src="${src}"></script>`).join('\n    ')}
  </body>
</html>
`

/**
 * Writes the page that shows the server's OpenAPI document, `openapi.html`, with Swagger UI as it is published. It is no
 * entry of the build: its scripts share nothing with the app.
 */
export const apiPage = (): Plugin => ({
  name: 'spillway:api-page',
  apply: 'build',
  applyToEnvironment: ({ name }) => name === 'client',
  async generateBundle() {
    const emit = (name: string, source: string | Uint8Array) =>
      this.getFileName(this.emitFile({ type: 'asset', name, source }))
    const read = (name: string) => readFile(new URL(name, `file://${swagger}`))
    const copy = async (name: string) => emit(name, await read(name))
    const licenses = ['LICENSE', 'NOTICE', 'swagger-ui-bundle.js.LICENSE.txt']
    emit('swagger-ui-licenses.txt', Buffer.concat(await Promise.all(licenses.map(read))))
    const styles = await copy('swagger-ui.css')
    const scripts = [await copy('swagger-ui-bundle.js'), emit('api-page.js', start)]
    this.emitFile({ type: 'asset', fileName: 'openapi.html', source: page({ scripts, styles }) })
  },
})
