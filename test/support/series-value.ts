/** The value of a series in the text of `/metrics`, by its name and all of its labels; NaN where it is absent. */
export const seriesValue = (text: string, series: string): number =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length),
  )
