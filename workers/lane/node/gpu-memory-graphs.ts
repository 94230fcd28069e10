/** ONNX models of the GPU's memory, built in `test/unit/gpu-memory-graphs.test.ts`. */

const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'))

/** `words = Expand(word, shape)`: one int32, and a length → a tensor of that length. */
export const allocateGraph = bytesOf(
  'CAg6cAolCgR3b3JkCgVzaGFwZRIFd29yZHMaBXdvcmRzIgZFeHBhbmQ6ABIEdGVzdFoSCgR3b3JkEgoKCAgGEgQKAggBWhMKBXNoYXBlEgoKCAgHEgQKAggBYhgKBXdvcmRzEg8KDQgGEgkKBxIFY291bnRCAhARQhEKDWNvbS5taWNyb3NvZnQQAUIOCgphaS5vbm54Lm1sEAM=',
)

/** `copied = ScatterND(to, to_rows, Gather(from, from_rows))`: rows of one tensor over rows of another, as int32. */
export const copyGraph = bytesOf(
  'CAg6kAIKJwoEZnJvbQoJZnJvbV9yb3dzEgRyb3dzGgRyb3dzIgZHYXRoZXI6AAowCgJ0bwoHdG9fcm93cwoEcm93cxIGY29waWVkGgZjb3BpZWQiCVNjYXR0ZXJORDoAEgR0ZXN0WiUKBGZyb20SHQobCAYSFwoMEgpmcm9tX2NvdW50CgcSBXdpZHRoWhwKCWZyb21fcm93cxIPCg0IBxIJCgcSBWNvdW50WiEKAnRvEhsKGQgGEhUKChIIdG9fY291bnQKBxIFd2lkdGhaHgoHdG9fcm93cxITChEIBxINCgcSBWNvdW50CgIIAWIlCgZjb3BpZWQSGwoZCAYSFQoKEgh0b19jb3VudAoHEgV3aWR0aEICEBJCEQoNY29tLm1pY3Jvc29mdBABQg4KCmFpLm9ubngubWwQAw==',
)
