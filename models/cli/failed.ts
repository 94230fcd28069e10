/** Thrown by a command that found what it checks for, and has said so: it ends with 1, and nothing more is said. */
export class Failed extends Error {}
