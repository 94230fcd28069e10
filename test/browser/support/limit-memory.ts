/** Makes this worker's WebAssembly memories stop growing at 64 MiB, as on a device that has no more to give. */
const most = 64 * 2 ** 20
const page = 2 ** 16
const grow = WebAssembly.Memory.prototype.grow
WebAssembly.Memory.prototype.grow = function (pages) {
  if (this.buffer.byteLength + Number(pages) * page > most)
    throw new RangeError('WebAssembly.Memory.grow(): Unable to grow instance memory')
  return grow.call(this, pages)
}
