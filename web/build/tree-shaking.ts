import type { Rolldown } from 'vite'

/**
 * The modules that say what a model is only declare, as those of onnxruntime-common do: one whose exports nobody uses is
 * left out. A page then starts without the schemas, which it loads with its first model.
 */
export const treeshake: Rolldown.TreeshakingOptions = {
  moduleSideEffects: [
    { test: /\/(?:models\/(?:core|hub|protocols)|onnxruntime-common)\//, sideEffects: false },
  ],
}

/** Parts that are imported later share these, and no page starts with them. */
const later =
  /\/node_modules\/(?:zod|@noble)\/|\/web\/search\/|\/models\/(?:core\/(?:adapters|file-spec|language|manifest-schema|model-name|references|schema-error|tensor-spec)\.ts|protocols\/oip(?:-binary|-elements|-schemas|-strings)?\.ts)/

/** Pages of others do not start with what only the site's pages, or the elements, share. */
const ofSite = /\/web\/(?:app|drawing|elements|view)\/|\/node_modules\/lit(?:-html)?\//

/** Whether a module may be in the file that every page starts with. */
export const startModules = (id: string): boolean => !later.test(id) && !ofSite.test(id)

/** What the script of the elements needs before an element needs the runtime; the runtime needs it, too. */
export const elementModules =
  /\/models\/(?:core\/(?:error|wording)|async\/(?:clock|import-code|timeouts))\.ts$|\/preload-helper\.js/
