/** How a page reads models of the Hugging Face hub. */
export interface HubOptions {
  /** A mirror, or another server with the hub's API. Default: https://huggingface.co. */
  readonly endpoint?: string | URL | undefined
  /**
   * Lets private and gated repositories be read. It is sent to the endpoint's origin only.
   * Anyone who can open the page can read the token.
   */
  readonly token?: string | undefined
}

/** A file's address, and headers for that address's origin. A redirect to another origin drops them. */
export interface FileRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
}

export const hubEndpoint = (endpoint: HubOptions['endpoint']): URL => {
  const url = new URL(endpoint ?? 'https://huggingface.co')
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

export const headersOf = ({ token }: HubOptions): Readonly<Record<string, string>> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` }

/** The addresses of a commit's files. */
export function locateOnHub(
  repo: string,
  commit: string,
  options: HubOptions,
): (path: string) => FileRequest {
  const folder = new URL(`${repo}/resolve/${commit}/`, hubEndpoint(options.endpoint))
  return (path) => ({
    url: new URL(path.split('/').map(encodeURIComponent).join('/'), folder),
    headers: headersOf(options),
  })
}
