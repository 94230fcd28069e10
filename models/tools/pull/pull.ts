import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { SpillwayError } from '../../core/error.ts'
import type { Manifest } from '../../core/manifest.ts'
import { type HubOptions, hubEndpoint, parseSource } from '../../hub/index.ts'
import { idOfFolder, readManifest, writeManifest } from '../manifest/write.ts'
import { download } from './download.ts'
import { planFromHub } from './from-hub.ts'
import { planFromFile, planFromManifest } from './from-url.ts'
import type { PullPlan, VariantChoice } from './plan.ts'

export interface PullOptions extends VariantChoice {
  readonly hub: HubOptions
  readonly id?: string | undefined
  /** Called with the bytes so far and the total of all files. */
  readonly onProgress?: (done: number, total: number) => void
}

export interface Pulled {
  readonly from: string
  readonly manifest: Manifest
  /** Bytes of the requested files, including those that were already there. */
  readonly bytes: number
}

/** Number of parallel downloads. */
const parallelDownloads = 4

/**
 * Fetches a model into a folder. The manifest is written last, so a folder with a manifest is complete. Existing
 * files are kept, and interrupted downloads resume.
 *
 * @throws SpillwayError `input_value_invalid`, or the error of finding, fetching or reading the model.
 */
export async function pull(source: string, root: string, options: PullOptions): Promise<Pulled> {
  const plan = await planOf(source, root, options)
  checkFolder(root, plan)
  mkdirSync(root, { recursive: true })
  for (const { path, bytes } of plan.read) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), bytes)
  }
  const bytes = await downloadAll(root, plan, options.onProgress)
  const manifest = await plan.manifest(root)
  writeManifest(join(root, 'manifest.json'), manifest)
  return { from: plan.from, manifest, bytes }
}

function planOf(source: string, root: string, { hub, id, ...choice }: PullOptions): Promise<PullPlan> {
  const name = parseSource(source, hubEndpoint(hub.endpoint))
  if (name.kind === 'hub') return planFromHub(name.reference, hub, choice, id)
  if (name.kind === 'id') {
    throw new SpillwayError('input_value_invalid', 'This is not a source of models', {
      expected: 'hf:owner/name, or the address of a manifest.json or an ONNX file',
      got: source,
    })
  }
  return name.url.pathname.endsWith('.onnx')
    ? planFromFile(name.url, hub, id, idOfFolder(root))
    : planFromManifest(name.url, hub, choice, id)
}

function checkFolder(root: string, { id }: PullPlan): void {
  const known = readManifest(root)
  if (known === undefined || known.id === id) return
  throw new SpillwayError('input_value_invalid', `${root} holds another model`, {
    expected: `${id}, or no manifest.json`,
    got: known.id,
    hint: 'Name a folder of its own for each model.',
  })
}

async function downloadAll(
  root: string,
  { files, read }: PullPlan,
  onProgress: PullOptions['onProgress'] = () => {},
): Promise<number> {
  const controller = new AbortController()
  const small = read.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const total = small + files.reduce((sum, { size = 0 }) => sum + size, 0)
  const received = new Map<string, number>()
  const report = () => {
    const done = small + [...received.values()].reduce((sum, bytes) => sum + bytes, 0)
    onProgress(done, Math.max(done, total))
    return done
  }
  const waiting = [...files]
  const work = async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      const { path } = file
      const onBytes = (bytes: number) => {
        received.set(path, bytes)
        report()
      }
      await download(root, file, { signal: controller.signal, onBytes })
    }
  }
  try {
    await Promise.all(Array.from({ length: parallelDownloads }, work))
  } catch (cause) {
    controller.abort()
    throw cause
  }
  return report()
}
