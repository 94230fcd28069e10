import { type Manifest, SpillwayError } from '../../models/core/index.ts'

/** For sessions of a model that has nothing to carry from run to run. */
export const withoutState = ({ id }: Manifest) =>
  new SpillwayError('not_supported', `${id} has no state`, {
    expected: 'a model whose manifest declares state',
    hint: 'Use model.run().',
  })

export const sessionClosed = () => new SpillwayError('closed', 'The session was closed')
