/** For parameter lists, whose optional members expectTypeOf does not compare under exactOptionalPropertyTypes. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
