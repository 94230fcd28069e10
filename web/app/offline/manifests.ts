/** Whether an address is of a model's manifest or of the catalogue, in the site's own folder of models. */
export const isManifest = (url: string, site: URL): boolean =>
  url.startsWith(new URL('models/', site).href) && /\/(?:manifest|catalogue)\.json$/.test(url)
