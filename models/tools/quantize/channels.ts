/** Elements as int8 with one scale per channel. */
export interface QuantizedChannels {
  /** Channel by channel. */
  readonly data: Int8Array
  readonly scales: Float32Array
}

/** Distances between channels, and between elements of a channel. */
export interface Strides {
  readonly channel: number
  readonly element: number
}

/** Symmetric quantization: zero stays zero, and the largest magnitude of each channel becomes `highest`. */
export function quantizeChannels(
  values: Float32Array,
  channels: number,
  each: number,
  strides: Strides,
  highest: number,
): QuantizedChannels {
  const data = new Int8Array(channels * each)
  const scales = new Float32Array(channels)
  for (let channel = 0; channel < channels; channel++) {
    let farthest = 0
    for (let index = 0; index < each; index++) {
      const size = Math.abs(values[channel * strides.channel + index * strides.element] ?? 0)
      if (size > farthest) farthest = size
    }
    // A channel of zeros gets the scale 1.
    const scale = Math.fround(farthest / highest) || 1
    scales[channel] = scale
    for (let index = 0; index < each; index++) {
      const value = values[channel * strides.channel + index * strides.element] ?? 0
      data[channel * each + index] = Math.max(-highest, Math.min(highest, Math.round(value / scale)))
    }
  }
  return { data, scales }
}
