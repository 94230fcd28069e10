/** Where the lines of a log go. */
export interface LogDestination {
  write(line: string): void
}
