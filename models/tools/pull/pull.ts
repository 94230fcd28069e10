import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Clock, systemClock } from '../../async/clock.ts'
import { SpillwayError } from '../../core/error.ts'
import type { Manifest } from '../../core/manifest.ts'
import { type HubOptions, hubEndpoint, parseSource } from '../../hub/index.ts'
import { idOfFolder, readManifest, writeManifest } from '../manifest/write.ts'
import { download } from './download.ts'
import { planFromHub } from './from-hub.ts'
import { planFromFile, planFromManifest } from './from-url.ts'
import type { DescribeOptions, PullPlan, VariantChoice } from './plan.ts'

export interface PullOptions extends VariantChoice, DescribeOptions {
  readonly hub: HubOptions
  readonly id?: string | undefined
  /** Called with the bytes of all files. */
  readonly onProgress?: (done: number, total: number) => void
}

export interface Pulled {
  readonly from: string
  readonly manifest: Manifest
  /** Bytes of all requested files, those that were in the folder already included. */
  readonly bytes: number
}

/** Parallel downloads. */
const maxDownloads = 4

/**
 * Fetches a model into a folder. The manifest is written last, so a folder with a manifest is complete. Files that are
 * there already are kept, and interrupted downloads resume.
 *
 * @throws SpillwayError `input_value_invalid`, or the error of finding, fetching or reading the model.
 */
export async function pull(source: string, root: string, options: PullOptions): Promise<Pulled> {
  const clock = systemClock
  const plan = await planOf(source, root, options, clock)
  checkFolder(root, plan)
  mkdirSync(root, { recursive: true })
  for (const { path, bytes } of plan.read) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), bytes)
  }
  const bytes = await downloadAll(root, plan, clock, options.onProgress)
  const manifest = await plan.manifest(root, { onNote: options.onNote, runLimitMs: options.runLimitMs })
  writeManifest(join(root, 'manifest.json'), manifest)
  return { from: plan.from, manifest, bytes }
}

function planOf(
  source: string,
  root: string,
  { hub, id, ...choice }: PullOptions,
  clock: Clock,
): Promise<PullPlan> {
  const name = parseSource(source, hubEndpoint(hub.endpoint))
  if (name.kind === 'hub') return planFromHub(name.reference, hub, choice, id, clock)
  if (name.kind === 'id' && existsSync(source)) {
    throw new SpillwayError('input_value_invalid', `${source} is here already`, {
      expected: 'hf:owner/name, or the address of a manifest or an ONNX file',
      got: 'a file of this machine',
      hint: `Write its manifest with "spillway manifest ${source}".`,
    })
  }
  if (name.kind === 'id') {
    throw new SpillwayError('input_value_invalid', 'Not a source of models', {
      expected: 'hf:owner/name, or the address of a manifest.json or an ONNX file',
      got: source,
    })
  }
  return name.url.pathname.endsWith('.onnx')
    ? planFromFile(name.url, hub, id, idOfFolder(root), clock)
    : planFromManifest(name.url, hub, choice, id, clock)
}

function checkFolder(root: string, { id }: PullPlan): void {
  const known = readManifest(root)
  if (known === undefined || known.id === id) return
  throw new SpillwayError('input_value_invalid', `${root} holds another model`, {
    expected: `${id}, or no manifest.json`,
    got: known.id,
    hint: 'Give each model a folder of its own.',
  })
}

async function downloadAll(
  root: string,
  { files, read }: PullPlan,
  clock: Clock,
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
      await download(root, file, { clock, signal: controller.signal, onBytes })
    }
  }
  try {
    await Promise.all(Array.from({ length: maxDownloads }, work))
  } catch (cause) {
    controller.abort()
    throw cause
  }
  return report()
}
