import { crc32, deflateSync } from 'node:zlib'

/**
 * A grey PNG.
 *
 * @param scale Each of its pixels is a square of so many: quickly made, also where they are very many.
 */
export function greyPng(
  columns: number,
  rows: number,
  grey: (x: number, y: number) => number,
  scale = 1,
): Buffer {
  const [width, height] = [columns * scale, rows * scale]
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  // Eight bits, grey.
  header.writeUInt8(8, 8)
  const raw = Buffer.alloc((width + 1) * height)
  for (let y = 0; y < rows; y++) {
    const start = y * scale * (width + 1)
    for (let x = 0; x < columns; x++) raw.fill(grey(x, y), start + 1 + x * scale, start + 1 + (x + 1) * scale)
    for (let copy = 1; copy < scale; copy++)
      raw.copyWithin(start + copy * (width + 1), start, start + width + 1)
  }
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(raw, { level: 1 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}
