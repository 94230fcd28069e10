/** Names of the protocol, apart: a page needs them before the rest of it. */

/**
 * The response header with an error's code, because the protocol fixes the body as `{"error": message}`. Other servers
 * do not send it.
 */
export const errorCodeHeader = 'spillway-error'

/**
 * The response header with the milliseconds that a new request to the model would wait. A client compares it with its
 * own queue.
 */
export const queueHeader = 'spillway-queue-ms'

/** The name of the extension of binary tensors in the answer to `GET v2`. */
export const binaryExtension = 'binary_tensor_data'
