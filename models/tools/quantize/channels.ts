/** Integers of eight bits with a scale for each channel. */
export interface Channels {
  /** Channel by channel. */
  readonly data: Int8Array
  readonly scales: Float32Array
}

/** How elements lie: from one channel to the next, and from one element of a channel to the next. */
export interface Strides {
  readonly channel: number
  readonly element: number
}

/** Symmetric: zero stays zero, and the farthest value of each channel becomes `highest`. */
export function quantizeChannels(
  values: Float32Array,
  channels: number,
  each: number,
  strides: Strides,
  highest: number,
): Channels {
  const data = new Int8Array(channels * each)
  const scales = new Float32Array(channels)
  for (let channel = 0; channel < channels; channel++) {
    let farthest = 0
    for (let index = 0; index < each; index++) {
      const size = Math.abs(values[channel * strides.channel + index * strides.element] ?? 0)
      if (size > farthest) farthest = size
    }
    // A channel of zeros needs a scale that is none.
    const scale = Math.fround(farthest / highest) || 1
    scales[channel] = scale
    for (let index = 0; index < each; index++) {
      const value = values[channel * strides.channel + index * strides.element] ?? 0
      data[channel * each + index] = Math.max(-highest, Math.min(highest, Math.round(value / scale)))
    }
  }
  return { data, scales }
}
