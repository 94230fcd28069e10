/** How a page reads models of the Hugging Face hub. */
export interface HubOptions {
  /** Default: https://huggingface.co. A mirror, or a server that speaks its protocol. */
  readonly endpoint?: string | URL | undefined
  /** Lets private and gated repositories be read. It is sent to the endpoint's own origin only. */
  readonly token?: string | undefined
}

/** A file's address. Its headers are for that address's origin: a redirect to another takes none of them along. */
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

/** Where the files of a commit are. */
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
