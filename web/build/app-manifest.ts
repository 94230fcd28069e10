import { readFile } from 'node:fs/promises'
import type { Plugin } from 'vite'

const sides = [192, 512] as const

/** Writes what a browser needs to install the site as an app, `manifest.webmanifest`, with its icons. */
export const appManifest = (): Plugin => ({
  name: 'spillway:app-manifest',
  apply: 'build',
  applyToEnvironment: ({ name }) => name === 'client',
  async generateBundle() {
    const icons = sides.map(async (side) => {
      const name = `icon-${side}.png`
      const source = await readFile(new URL(`../app/${name}`, import.meta.url))
      const src = this.getFileName(this.emitFile({ type: 'asset', name, source }))
      return { src, sizes: `${side}x${side}`, type: 'image/png' }
    })
    const manifest = {
      name: 'Spillway',
      description: 'Models that run in your browser, and spill to your server when the device cannot.',
      start_url: './',
      scope: './',
      display: 'standalone',
      background_color: '#0a0f12',
      theme_color: '#0a0f12',
      icons: await Promise.all(icons),
    }
    const source = `${JSON.stringify(manifest, undefined, 2)}\n`
    this.emitFile({ type: 'asset', fileName: 'manifest.webmanifest', source })
  },
})
