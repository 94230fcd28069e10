/** A file of the build; see `hashed-files.ts`. */
declare module '*?hashed' {
  const file: { readonly url: string; readonly size: number; readonly sha256: string }
  export default file
}
