/** Openings for the model to continue. */
export const openings: readonly string[] = [
  'Once upon a time there was a king who',
  'In a dark forest there lived an old witch',
  'The little mouse said to the lion,',
  'Far out at sea, where the water is deep,',
]
