import { defineElements } from '../elements/define.ts'

// The elements for a page that has nothing but their tags: the runtime comes when an element needs it.
defineElements(async () => {
  await import('./embed-script.ts')
  return spillway
})
