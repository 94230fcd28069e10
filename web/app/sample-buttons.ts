import { pathOf, penWidth, type Stroke } from '../drawing/stroke.ts'

const svg = 'http://www.w3.org/2000/svg'

/** A button for each sample drawing, with a thumbnail of it. */
export function showSamples(
  list: HTMLElement,
  samples: readonly (readonly Stroke[])[],
  onPick: (strokes: readonly Stroke[]) => void,
): void {
  list.append(
    ...samples.map((strokes, digit) => {
      const button = document.createElement('button')
      button.type = 'button'
      button.className = 'sample'
      button.dataset.testid = `sample-${digit}`
      button.setAttribute('aria-label', `Draw a sample ${digit}`)
      button.append(thumbnail(strokes))
      button.addEventListener('click', () => onPick(strokes))
      const item = document.createElement('li')
      item.append(button)
      return item
    }),
  )
}

function thumbnail(strokes: readonly Stroke[]): SVGSVGElement {
  const picture = document.createElementNS(svg, 'svg')
  // Cropped: the drawings keep a margin from the pad's edges.
  picture.setAttribute('viewBox', '.2 .1 .6 .8')
  picture.setAttribute('aria-hidden', 'true')
  const path = document.createElementNS(svg, 'path')
  path.setAttribute('d', strokes.map(pathOf).join(''))
  path.setAttribute('stroke-width', String(penWidth))
  picture.append(path)
  return picture
}
