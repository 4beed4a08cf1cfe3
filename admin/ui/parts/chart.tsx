import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'

export interface Series {
  readonly label: string
  /** Name of a custom property of the style sheet. */
  readonly colour: string
  readonly values: readonly (number | null)[]
}

const HEIGHT = 180

/** Lines over time. What they show is said in words beside them: a canvas is nothing to a screen reader. */
export function Chart({ label, times, series }: { label: string; times: readonly number[]; series: readonly Series[] }) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  useEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const style = getComputedStyle(document.documentElement)
    const colour = (name: string): string => style.getPropertyValue(name).trim()
    const axis = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } }
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        cursor: { drag: { x: false, y: false } },
        legend: { show: false },
        scales: { y: { range: (_plot, _least, most) => [0, Math.max(1, most * 1.1)] } },
        axes: [axis, { ...axis, size: 56 }],
        series: [{}, ...series.map((one) => ({ label: one.label, stroke: colour(one.colour), width: 2 }))],
      },
      [[...times], ...series.map((one) => [...one.values])],
      element,
    )
    plot.current = made
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }))
    resized.observe(element)
    return () => {
      resized.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [series.length])
  useEffect(() => {
    plot.current?.setData([[...times], ...series.map((one) => [...one.values])])
  }, [times, series])
  const now = series.map((one) => `${one.label} ${one.values.findLast((value) => value !== null) ?? 0}`).join(', ')
  return (
    <figure class="chart">
      <figcaption>
        {series.map((one) => (
          <span key={one.label} class={`key ${one.colour.slice(2)}`}>
            {one.label}
          </span>
        ))}
      </figcaption>
      <div ref={box} class="plot" role="img" aria-label={`${label}: ${now}`} />
    </figure>
  )
}
