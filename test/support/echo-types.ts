import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TensorType } from '../../models/core/index.ts'
import { echoGraph } from './echo-graph.ts'
import { emptyFolder, modelFolder } from './test-models.ts'

/** A folder of a model `echo` that returns each of its inputs: `x_int8` as `y_int8`. */
export async function echoModel(types: readonly TensorType[], id = 'echo'): Promise<string> {
  const file = join(await emptyFolder(), 'model.onnx')
  await writeFile(file, echoGraph(types))
  const specs = (side: string) => types.map((type) => ({ name: `${side}_${type}`, type, shape: [-1, 2] }))
  return modelFolder(file, {
    id,
    title: id,
    task: 'tensor',
    inputs: specs('x'),
    outputs: specs('y'),
    batchAxis: 0,
    batching: { evidence: 'accepted' },
  })
}
