import type { Value } from '../onnx/model.ts'

/** A value as the file declares it: a dimension that varies is a name, or nothing. */
export function declaredOf({ type }: Value): {
  readonly type: number
  readonly shape: readonly (number | string | undefined)[] | undefined
} {
  const tensor = type?.value.case === 'tensorType' ? type.value.value : undefined
  const shape = tensor?.shape?.dim.map(({ value }) => {
    if (value.case === 'dimValue') return Number(value.value)
    return value.case === 'dimParam' && value.value !== '' ? value.value : undefined
  })
  return { type: tensor?.elemType ?? 0, shape }
}
