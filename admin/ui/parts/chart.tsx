import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type uPlot from 'uplot'
import { countText } from '../words.ts'
import { useLoaded } from './loading.ts'

export interface Series {
  readonly label: string
  /** Name of a custom property of the style sheet. */
  readonly colour: string
  readonly values: readonly (number | null)[]
}

interface Props {
  readonly label: string
  /** Seconds since 1970. */
  readonly times: readonly number[]
  readonly series: readonly Series[]
}

const HEIGHT = 160

/** Seconds between two times on the axis. */
const TIME_STEPS = [60, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600]

/** Lines over time. What they show is said in words beside them: a canvas is nothing to a screen reader. */
export function Chart({ label, times, series }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const scheme = useColourScheme()
  // Larger than all the rest, which therefore does not wait for it.
  const library = useLoaded(async () => (await import('uplot')).default, []).value.value
  const data: uPlot.AlignedData = [[...times], ...series.map((one) => [...one.values])]
  useEffect(() => {
    const element = box.current
    if (element === null || library === undefined) return undefined
    const made = new library(optionsFor(element, series), data, element)
    plot.current = made
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }))
    resized.observe(element)
    return () => {
      resized.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [series.length, scheme, library])
  useEffect(() => plot.current?.setData(data), [times])
  return (
    <figure class="chart">
      <figcaption>
        <span class="name">{label}</span>
        {series.map((one) => (
          <span key={one.label} class={`key ${one.colour.slice(2)}`}>
            {one.label}
          </span>
        ))}
      </figcaption>
      <div
        ref={box}
        class="plot"
        role="img"
        aria-label={`${label}. Now: ${series.map((one) => `${one.label} ${lastOf(one)}`).join(', ')}`}
      />
    </figure>
  )
}

const lastOf = ({ values }: Series): string => countText(Math.round(values.findLast((value) => value !== null) ?? 0))

function optionsFor(element: HTMLElement, series: readonly Series[]): uPlot.Options {
  const colour = (name: string): string => colourOf(element, name)
  const axis: uPlot.Axis = {
    stroke: colour('--muted'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width: element.clientWidth,
    height: HEIGHT,
    // What is switched off here is not in the build at all: lean-uplot.mjs.
    cursor: { show: false },
    legend: { show: false },
    select: { show: false, left: 0, top: 0, width: 0, height: 0 },
    padding: [8, 8, 0, 0],
    // Ten minutes at least: a line of three points says little, and would shrink from one to the next.
    scales: {
      x: { range: (_plot, from, to) => [Math.min(from ?? 0, (to ?? 0) - 600), to ?? 0] },
      y: { range: (_plot, _least, most) => [0, Math.max(4, (most ?? 0) * 1.1)] },
    },
    axes: [
      { ...axis, size: 24, space: 64, incrs: TIME_STEPS, values: (_plot, ticks) => ticks.map(clockOf) },
      { ...axis, size: 44, space: 36, values: (_plot, ticks) => ticks.map(shortText) },
    ],
    series: [
      {},
      ...series.map((one) => ({
        label: one.label,
        stroke: colour(one.colour),
        width: 1.5,
        spanGaps: false,
        points: { show: false },
      })),
    ],
  }
}

/** A canvas knows no custom properties, and `light-dark()` is resolved on an element only. */
function colourOf(element: HTMLElement, name: string): string {
  const probe = element.appendChild(document.createElement('span'))
  probe.style.color = `var(${name})`
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

const clockOf = (seconds: number): string => new Date(seconds * 1000).toTimeString().slice(0, 5)

/** So short that the axis is as wide for a million as for one. */
function shortText(value: number): string {
  if (value >= 1e6) return `${+(value / 1e6).toFixed(1)}M`
  if (value >= 1e4) return `${+(value / 1e3).toFixed(1)}k`
  return Number.isInteger(value) ? countText(value) : ''
}

function useColourScheme(): string {
  const query = matchMedia('(prefers-color-scheme: dark)')
  const scheme = useSignal(query.matches ? 'dark' : 'light')
  useEffect(() => {
    const changed = (): void => {
      scheme.value = query.matches ? 'dark' : 'light'
    }
    query.addEventListener('change', changed)
    return () => query.removeEventListener('change', changed)
  }, [])
  return scheme.value
}
