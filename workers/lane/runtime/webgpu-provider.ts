/**
 * The options of ONNX Runtime's WebGPU, the same in pages and on servers. With its validation, a run whose buffers are
 * larger than the GPU allows fails; without, it ends well with wrong values. onnxruntime-node reports such errors in no
 * other way.
 */
export const webGpuProvider = { name: 'webgpu', validationMode: 'basic' } as const
