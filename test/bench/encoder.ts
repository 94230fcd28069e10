import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { attention, attentionMask, joinParts, project, step } from '../support/attention.ts'
import { emptyFolder, modelFolder } from '../support/test-models.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'
import { randomTensor } from '../tools/support/network.ts'

const vocabulary = 1_000
const width = 64
const heads = 4

/** One layer of a text encoder with the hub's tensor names: masked attention and a feed-forward block. */
function encoderBytes(): Uint8Array {
  const { nodes, tensors } = joinParts(
    { nodes: [], tensors: [randomTensor('table', [vocabulary, width], 1, 1)] },
    step({ op: 'Gather', inputs: ['table', 'input_ids'], outputs: ['embedded'] }),
    project('embedded', 'query', width, width, 2),
    project('embedded', 'key', width, width, 3),
    project('embedded', 'value', width, width, 4),
    attentionMask({ width, heads }),
    attention('query', 'key', 'value', 'together'),
    project('together', 'mixed', width, width, 5),
    step({ op: 'Add', inputs: ['embedded', 'mixed'], outputs: ['attended'] }),
    project('attended', 'up', width, width * 4, 6),
    step({ op: 'Relu', inputs: ['up'], outputs: ['bent'] }),
    project('bent', 'down', width * 4, width, 7),
    step({ op: 'Add', inputs: ['attended', 'down'], outputs: ['last_hidden_state'] }),
  )
  const ids = (name: string) => value(name, ['batch', 'tokens'], DataType.INT64)
  return encode(
    modelProto({
      nodes,
      tensors,
      inputs: [ids('input_ids'), ids('attention_mask')],
      outputs: [value('last_hidden_state', ['batch', 'tokens', width])],
    }),
  )
}

/** A new folder with the model and its manifest. */
export async function encoderFolder(): Promise<string> {
  const file = join(await emptyFolder(), 'encoder.onnx')
  await writeFile(file, encoderBytes())
  const pad = { axis: 1, value: 0 }
  return modelFolder(file, {
    id: 'encoder',
    title: 'Text encoder of random weights',
    task: 'tensor',
    inputs: [
      { name: 'input_ids', type: 'int64', shape: [-1, -1], pad },
      { name: 'attention_mask', type: 'int64', shape: [-1, -1], pad },
    ],
    outputs: [{ name: 'last_hidden_state', type: 'float32', shape: [-1, -1, width], pad }],
    batchAxis: 0,
    tolerance: 1e-4,
  })
}
