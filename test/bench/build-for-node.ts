import { build } from 'vite'

/** Builds programs as the product is built, because TypeScript sources run slower. */
export async function buildForNode(
  root: string,
  outDir: string,
  input: Readonly<Record<string, string>>,
): Promise<void> {
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: true,
      outDir,
      emptyOutDir: true,
      target: 'node20',
      rolldownOptions: { input: { ...input } },
    },
  })
}
