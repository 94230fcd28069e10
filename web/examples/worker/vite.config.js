/** Spillway loads parts of itself when they are needed, for which the worker has to be a module. */
export default { worker: { format: 'es' } }
