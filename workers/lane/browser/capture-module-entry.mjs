/**
 * A module for onnxruntime-web to import in place of the runtime's own, whose address is in the fragment of this one's.
 * It exports the Emscripten instance that onnxruntime-web creates, because onnxruntime-web does not.
 */
const { default: create } = await import(
  /* @vite-ignore */ decodeURIComponent(new URL(import.meta.url).hash.slice(1))
)

export let instance

let compiled

/** Makes the instance from a compiled module, instead of fetching and compiling the runtime's WebAssembly. */
export const useCompiled = (module) => {
  compiled = module
}

/** Emscripten does not learn of an instance that could not be made: its own promise would stay pending. */
const createFrom = (compiled, config) =>
  new Promise((resolve, reject) => {
    const instantiateWasm = (imports, receive) => {
      WebAssembly.instantiate(compiled, imports)
        .then((wasm) => receive(wasm, compiled))
        .catch(reject)
      return {}
    }
    create({ ...config, instantiateWasm }).then(resolve, reject)
  })

export default async (config) => {
  instance = await (compiled ? createFrom(compiled, config) : create(config))
  return instance
}
