import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * Serves a page of another origin that contains only the embed tag. It is cross-origin isolated where `headers` say so.
 *
 * @param policy The page's Content-Security-Policy, if any.
 */
export async function startHostPage(
  script: URL,
  policy?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ url: URL; stop(): Promise<void> }> {
  const server = createServer((_request, response) => {
    response.setHeaders(new Map(Object.entries(headers)))
    response.setHeader('content-type', 'text/html')
    if (policy !== undefined) response.setHeader('content-security-policy', policy)
    response.end(
      `<!doctype html><html lang="en"><title>Host</title><script type="module" src="${script.href}"></script>`,
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    stop: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
