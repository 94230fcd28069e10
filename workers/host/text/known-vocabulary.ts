import type { TokenRequest } from '../../protocol/generation.ts'

/** Which lane has the vocabulary of the model already. It is sent with a lease's first sequence that has a format. */
export class KnownVocabulary {
  #lease: object | undefined

  /** The request for the lane of the lease. */
  requestFor(lease: object, request: TokenRequest): TokenRequest {
    const { format } = request
    if (!format) return request
    const isKnown = this.#lease === lease
    this.#lease = lease
    if (!isKnown) return request
    const { vocabulary: _, ...known } = format
    return { ...request, format: known }
  }
}
