import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../models/async/clock.ts'
import { type Backend, SpillwayError } from '../../../models/core/index.ts'
import { type CatalogueEntry, findModel, readCatalogue } from '../../../server/inference/catalogue.ts'
import { processLane } from '../../support/process-lane.ts'
import { benchModels } from '../models.ts'
import { type Row, sizes } from './row.ts'
import { timeLane } from './time-lane.ts'

/** Times each model in a lane of its own: a process with onnxruntime-node, with WebGPU through Vulkan. */
export async function timeInNode(folder: string, models: readonly string[]): Promise<Row[]> {
  const catalogue = await readCatalogue(await benchModels(folder))
  const rows: Row[] = []
  for (const model of models) {
    const entry = findModel(catalogue, model)
    const gpu = await timeBackend(entry, 'webgpu')
    const cpu = await timeBackend(entry, 'cpu')
    sizes.forEach((size, index) => {
      rows.push({ where: 'Node', model, rows: size, gpuMs: gpu[index] ?? 0, cpuMs: cpu[index] ?? 0 })
    })
  }
  return rows
}

async function timeBackend({ manifest, folder }: CatalogueEntry, backend: Backend): Promise<number[]> {
  const lane = processLane(systemClock)
  const path = join(folder, manifest.variants[0]?.files[0]?.path ?? '')
  try {
    return await timeLane(lane, manifest, { from: 'file', path }, backend, availableParallelism())
  } finally {
    lane.kill(new SpillwayError('closed', 'The bench is over'))
  }
}
