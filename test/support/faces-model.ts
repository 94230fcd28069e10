import type { TensorSpec } from '../../models/core/index.ts'
import { published } from '../tools/support/real-models.ts'
import { modelFolder } from './test-models.ts'

const image: TensorSpec = { name: 'input', type: 'float32', shape: [1, 3, 240, 320] }

/** A folder of models with the detector of the Vision page, as published. */
export const facesFolder = (): Promise<string> =>
  modelFolder(published('ultraface', 'version-RFB-320.onnx'), {
    id: 'faces',
    title: 'UltraFace',
    task: 'tensor',
    inputs: [image],
    outputs: [
      { name: 'scores', type: 'float32', shape: [1, 4420, 2] },
      { name: 'boxes', type: 'float32', shape: [1, 4420, 4] },
    ],
    batchAxis: null,
  })
