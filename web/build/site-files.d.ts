/** The site's files as the build has written them; see `site-files.ts`. */
declare module 'virtual:site-files' {
  export const siteFiles: readonly { readonly url: string; readonly revision: string | null }[]
}
