import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startServer } from '../support/server.ts'
import { emptyFolder, modelFolder } from '../support/test-models.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'
import { atLeast, type Bench, type Comparison, median } from './bench-definition.ts'
import { bodies, type Input, inferBytes } from './infer-requests.ts'
import { buildServers } from './servers/build.ts'
import { type CpuLoad, loadWithCpu } from './servers/load-with-cpu.ts'
import { startClient } from './servers/start.ts'

const rows = 192
const width = 784
const rounds = 3

/** Grey values with four decimals: 602,112 bytes as binary, about a megabyte of JSON. */
export const input: Input = {
  name: 'x',
  type: 'float32',
  shape: [rows, width],
  values: Array.from({ length: rows * width }, () => Math.round(Math.random() * 1e4) / 1e4),
}

export const binary: Bench = {
  name: 'binary',
  description: `runs of ${(rows * width * 4) / 1_000} KB over 8 connections of a model that only sums them up, as binary tensors against the same in JSON`,
  run: async ({ isTrial }) => {
    const { client: file } = await buildServers()
    const server = await startServer({ SPILLWAY_MODELS: await meansFolder() })
    server.dropLog()
    const client = startClient(file)
    const loads = { binary: [] as CpuLoad[], json: [] as CpuLoad[] }
    for (let round = 0; round <= rounds; round++) {
      for (const form of ['binary', 'json'] as const) {
        const measured = await loadWithCpu(client, server, {
          requests: [inferBytes(server.url, 'means', bodies[form](input))],
          connections: 8,
          seconds: isTrial || round === 0 ? 1 : 4,
        })
        // The first round warms up.
        if (round > 0) loads[form].push(measured)
      }
    }
    client.stop()
    await server.stop()
    const of = (form: keyof typeof loads, read: (load: CpuLoad) => number) => median(loads[form].map(read))
    const perSecond = ({ perSecond }: CpuLoad) => perSecond
    const cpu = ({ cpu }: CpuLoad) => 1_000 / cpu
    const results: Comparison[] = [
      atLeast('binary', 'requests/s', { ours: of('binary', perSecond), theirs: of('json', perSecond) }, 5),
      atLeast('binary', 'requests a second of CPU', { ours: of('binary', cpu), theirs: of('json', cpu) }, 5),
    ]
    return results
  },
}

/** The mean of each row. */
export async function meansFolder(): Promise<string> {
  const file = join(await emptyFolder(), 'model.onnx')
  const graph = modelProto({
    nodes: [{ op: 'ReduceMean', inputs: ['x'], outputs: ['y'], attributes: { axes: [1] } }],
    inputs: [value('x', ['batch', width])],
    outputs: [value('y', ['batch', 1])],
  })
  await writeFile(file, encode(graph))
  return modelFolder(file, {
    id: 'means',
    title: 'Means',
    task: 'tensor',
    inputs: [{ name: 'x', type: 'float32', shape: [-1, width] }],
    outputs: [{ name: 'y', type: 'float32', shape: [-1, 1] }],
    batchAxis: 0,
    tolerance: 1e-5,
  })
}
