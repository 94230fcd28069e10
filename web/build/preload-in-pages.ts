import type { Plugin } from 'vite'

const original = 'export const __vitePreload ='

/**
 * Vite wraps each `import()` of a page in a helper that preloads what the module imports, by elements of `document`.
 * A page's own worker runs the same scripts and has no document: there the module is imported without the preload.
 */
export const preloadInPages = (): Plugin => ({
  name: 'spillway:preload-in-pages',
  apply: 'build',
  applyToEnvironment: ({ name }) => name === 'client',
  transform: {
    order: 'post',
    filter: { id: /vite\/preload-helper\.js$/ },
    handler(code) {
      if (!code.includes(original)) this.error("Vite's preload helper is not as expected")
      const inPage = code.replace(original, 'const preloadInPage =')
      return `${inPage}
export const __vitePreload = (load, dependencies, importer) =>
  typeof document === 'undefined' ? load() : preloadInPage(load, dependencies, importer)`
    },
  },
})
