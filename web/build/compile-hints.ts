import type { Plugin } from 'vite'

/**
 * Marks the scripts that a page starts with, so that V8 compiles all their functions while they load, off the page's
 * thread, instead of one by one during the first request. For other engines the mark is a comment.
 * See https://v8.dev/blog/explicit-compile-hints.
 */
export const compileHints = (): Plugin => ({
  name: 'spillway:compile-hints',
  apply: 'build',
  applyToEnvironment: ({ name }) => name === 'client',
  generateBundle: {
    order: 'post',
    handler: (_options, bundle) => {
      const startScripts = new Set<string>()
      const visit = (name: string) => {
        const file = bundle[name]
        if (file?.type !== 'chunk' || startScripts.has(name)) return
        startScripts.add(name)
        file.imports.forEach(visit)
      }
      for (const file of Object.values(bundle))
        if (file.type === 'chunk' && file.isEntry) visit(file.fileName)
      for (const name of startScripts) {
        const file = bundle[name]
        if (file?.type === 'chunk') file.code = `//# allFunctionsCalledOnLoad\n${file.code}`
      }
    },
  },
})
