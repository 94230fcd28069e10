import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../models/async/clock.ts'
import { type Backend, messageOf, SpillwayError } from '../../../models/core/index.ts'
import { type CatalogueEntry, findModel, readCatalogue } from '../../../server/inference/catalogue.ts'
import type { Lane } from '../../../workers/host/lane-client/lane.ts'
import type { GraphSource } from '../../../workers/protocol/lane.ts'
import { processLane } from '../../support/process-lane.ts'
import { benchModels } from '../models.ts'
import { type Row, sizes } from './row.ts'
import { beforeDeadline } from './side-deadline.ts'
import { rowSide } from './side-lines.ts'
import { reasonOf, type Sitting } from './sitting.ts'
import { timeLane } from './time-lane.ts'

/** The entries of the models whose runs are timed. @param folder Of published models. */
export async function entriesOf(folder: string, models: readonly string[]): Promise<CatalogueEntry[]> {
  const catalogue = await readCatalogue(await benchModels(folder))
  return models.map((model) => findModel(catalogue, model))
}

/** Times each model in a lane of its own: a process with onnxruntime-node, with WebGPU through Vulkan. */
export async function timeInNode(entries: readonly CatalogueEntry[], sitting: Sitting): Promise<Row[]> {
  const rows: Row[] = []
  for (const entry of entries) rows.push(...(await timeRows(entry, sitting)))
  return rows
}

const timeRows = (entry: CatalogueEntry, sitting: Sitting): Promise<Row[]> => {
  const { id: model } = entry.manifest
  return sitting.measure(rowSide(`Node, ${model}`), async (found) => {
    const gpu = await timeBackend(entry, 'webgpu')
    const cpu = await timeBackend(entry, 'cpu')
    sizes.forEach((rows, index) => {
      found({ where: 'Node', model, rows, gpuMs: gpu[index] ?? 0, cpuMs: cpu[index] ?? 0 })
    })
  })
}

const timeBackend = (entry: CatalogueEntry, backend: Backend): Promise<number[]> =>
  inLane(entry, (lane, source) => timeLane(lane, entry.manifest, source, backend, availableParallelism()))

/** ONNX Runtime's words where Vulkan is not installed, or knows no device. */
const noAdapter = /Failed to get a WebGPU adapter/

/** Why Node has no GPU here. Undefined where it has one, and where a model fails on it: then its own figures say so. */
export async function whyNodeHasNoGpu(entry: CatalogueEntry): Promise<string | undefined> {
  const { id, inputs, outputs, batchAxis } = entry.manifest
  try {
    return await inLane(entry, async (lane, source) => {
      const { backends } = await lane.start({ threads: 1 })
      if (!backends.includes('webgpu')) return 'this build of ONNX Runtime does not include WebGPU'
      await lane.load({ session: id, backend: 'webgpu', source, inputs, outputs, batchAxis })
      return undefined
    })
  } catch (cause) {
    return noAdapter.test(messageOf(cause)) ? reasonOf(cause) : undefined
  }
}

async function inLane<T>(
  { manifest, folder }: CatalogueEntry,
  work: (lane: Lane, source: GraphSource) => Promise<T>,
): Promise<T> {
  const lane = processLane(systemClock)
  const path = join(folder, manifest.variants[0]?.files[0]?.path ?? '')
  try {
    return await beforeDeadline(work(lane, { from: 'file', path }))
  } finally {
    lane.kill(new SpillwayError('closed', 'The bench is over'))
  }
}
