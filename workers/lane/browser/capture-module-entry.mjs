/**
 * A module for onnxruntime-web to import in place of the runtime's own, whose address is in `?of=`. It exports the
 * Emscripten instance that onnxruntime-web creates, because onnxruntime-web does not.
 */
const { default: create } = await import(/* @vite-ignore */ new URL(import.meta.url).searchParams.get('of'))

export let instance

export default async (config) => {
  instance = await create(config)
  return instance
}
