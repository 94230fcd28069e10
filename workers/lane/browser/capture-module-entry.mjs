/**
 * Stands before the runtime's own module, `?of=` its address, and keeps the instance that onnxruntime-web makes of it
 * and tells nobody of.
 */
const { default: create } = await import(/* @vite-ignore */ new URL(import.meta.url).searchParams.get('of'))

export let instance

export default async (config) => {
  instance = await create(config)
  return instance
}
