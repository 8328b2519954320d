const WIDTH = 900
const HEIGHT = 320
const LEFT = 50
const TOP = 40
const PLOT_WIDTH = WIDTH - LEFT - 110
const PLOT_HEIGHT = HEIGHT - TOP - 40
const COLOURS = ['#4e79a7', '#f28e2b', '#59a14f', '#e15759', '#76b7b2', '#b07aa1']

/** Shares over time as a picture. */
export interface SharePlot {
  readonly title: string
  /** One for each line. */
  readonly names: readonly string[]
  /** Of each stretch of time, the share of each name, 0 to 1. */
  readonly shares: readonly (readonly number[])[]
  /** What happens when, as a part of the whole time. */
  readonly marks: readonly { readonly at: number; readonly text: string }[]
}

/** Draws shares as lines; an SVG document. */
export function sharePlot({ title, names, shares, marks }: SharePlot): string {
  const x = (part: number) => (LEFT + part * PLOT_WIDTH).toFixed(1)
  const y = (share: number) => (TOP + (1 - share) * PLOT_HEIGHT).toFixed(1)
  const lines = names.map((_, index) => {
    const points = shares.map((stretch, n) => {
      return `${x(n / Math.max(1, shares.length - 1))},${y(stretch[index] ?? 0)}`
    })
    return `<polyline fill="none" stroke="${COLOURS[index]}" stroke-width="2" points="${points.join(' ')}"/>`
  })
  const legend = names.map((name, index) => {
    const top = TOP + 10 + index * 20
    return (
      `<rect x="${WIDTH - 100}" y="${top - 9}" width="10" height="10" fill="${COLOURS[index]}"/>` +
      `<text x="${WIDTH - 84}" y="${top}">${name}</text>`
    )
  })
  const verticals = marks.map(({ at, text }) => {
    return (
      `<line x1="${x(at)}" x2="${x(at)}" y1="${TOP}" y2="${TOP + PLOT_HEIGHT}" stroke="#888" stroke-dasharray="4"/>` +
      `<text x="${x(at)}" y="${TOP - 6}" text-anchor="middle" fill="#555">${text}</text>`
    )
  })
  const scale = [0, 0.5, 1].map((share) => {
    return (
      `<line x1="${LEFT}" x2="${LEFT + PLOT_WIDTH}" y1="${y(share)}" y2="${y(share)}" stroke="#ddd"/>` +
      `<text x="${LEFT - 8}" y="${y(share)}" text-anchor="end">${share * 100} %</text>`
    )
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="${LEFT}" y="18" font-size="14">${title}</text>`,
    ...scale,
    ...verticals,
    ...lines,
    ...legend,
    `<text x="${LEFT + PLOT_WIDTH / 2}" y="${HEIGHT - 12}" text-anchor="middle">messages</text>`,
    '</svg>',
    '',
  ].join('\n')
}
