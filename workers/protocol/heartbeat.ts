/**
 * The file descriptor to which a lane's process writes its signs of life, and the milliseconds between two of them. A sign
 * is a line with the bytes of its resident memory.
 */
export const heartbeatDescriptor = 4
export const heartbeatMs = 500
