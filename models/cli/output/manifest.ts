import type { Manifest } from '../../core/manifest.ts'
import { showShape } from '../../core/tensor.ts'
import type { TensorSpec } from '../../core/tensor-spec.ts'
import { plain, type Style } from '../io.ts'
import { facts, table } from './table.ts'
import { showBytes } from './units.ts'

/** The main fields of a manifest, as the commands that write one print it. */
export function showManifest(manifest: Manifest, out: string, style: Style): string {
  const { id, version, title, task, license, inputs, outputs, batchAxis } = manifest
  return [
    `${style.strong(plain(title))}\n${plain(out)}\n`,
    facts(
      [
        ['id', `${id}, version ${version}`],
        ['task', task],
        ['license', license],
        ['inputs', inputs.map(showSpec).join(', ')],
        ['outputs', outputs.map(showSpec).join(', ')],
        ['batches', batchAxis === null ? 'no' : 'yes'],
      ],
      style,
    ),
    showVariants(manifest, style),
  ].join('\n')
}

const showSpec = ({ name, type, shape }: TensorSpec): string => `${name} ${type} ${showShape(shape)}`

export const showVariants = ({ variants }: Pick<Manifest, 'variants'>, style: Style): string =>
  table(
    [
      { title: 'VARIANT' },
      { title: 'DOWNLOAD', align: 'right' },
      { title: 'MEMORY', align: 'right' },
      { title: 'BACKENDS' },
    ],
    variants.map(({ id, files, memory, backends }) => [
      id,
      showBytes(files.reduce((sum, { size }) => sum + size, 0)),
      showBytes(memory),
      backends?.join(', ') ?? 'all',
    ]),
    style,
  )
