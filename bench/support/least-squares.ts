/** What was measured: at what place, and how much. */
export type Point = readonly [x: number, y: number]

/** The straight line nearest to a row of points. */
export interface Line {
  readonly slope: number
  /** The standard error of the slope: about two thirds of all rows like this one are as near. */
  readonly slopeError: number
}

/** Fits a line by least squares; a slope of 0 with an endless error where points are too few. */
export function leastSquares(points: readonly Point[]): Line {
  const count = points.length
  if (count < 3) return { slope: 0, slopeError: Number.POSITIVE_INFINITY }
  const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / count
  const meanX = mean(points.map(([x]) => x))
  const meanY = mean(points.map(([, y]) => y))
  let xx = 0
  let xy = 0
  for (const [x, y] of points) {
    xx += (x - meanX) ** 2
    xy += (x - meanX) * (y - meanY)
  }
  const slope = xy / xx
  const residues = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0)
  return { slope, slopeError: Math.sqrt(residues / (count - 2) / xx) }
}
