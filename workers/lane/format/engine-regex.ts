const space = String.raw` \t\n\r\f\v`

/**
 * A regular expression as the engine reads it rightly. It takes characters past ASCII wrongly where a class lists them, as
 * its own `.` and `\s` do.
 */
export const engineRegex = (regex: string): string =>
  regex.replace(/\\(.)|\[(?:[^\]\\]|\\.)*\]|\./gsu, (part, letter?: string) => {
    if (part === '.') return String.raw`[^\n\r]`
    if (letter === 's') return `[${space}]`
    if (letter === 'S') return `[^${space}]`
    return letter === undefined
      ? part.replace(/\\(.)/gsu, (whole, name) => (name === 's' ? space : whole))
      : part
  })
