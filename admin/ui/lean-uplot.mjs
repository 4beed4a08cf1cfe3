import { parseAst } from 'vite'

/**
 * Functions that our charts (`parts/chart.tsx`) never come to, or whose answer they do not use: there is no legend, no
 * cursor, no selection, no other line than a straight one and no other scale than a linear one, no series comes or goes,
 * and the axis has its own words for times.
 */
const UNREACHED = {
  paths: 'stepped bars splineInterp monotoneCubic _monotoneCubic clipBandLine',
  scales: 'rangeLog rangeAsinh logAxisSplits asinhAxisSplits log10AxisValsFilt log2AxisValsFilt',
  times: 'fmtDate tzDate timeAxisStamps timeAxisVals timeAxisVal timeSeriesStamp timeSeriesVal',
  tables: 'join nullExpand sortCols allHeadersSame isAsc',
  legend: 'initLegendRow syncLegend setLegend setLegendValues legendStroke legendFill',
  cursor:
    'initCursorPt updateCursor cursorMove cursorPointShow cursorPointSize cursorPointFill cursorPointStroke elColor elSize',
  pointer: 'mouseMove mouseDown mouseUp mouseLeave dblClick cacheMouse filtBtn0 filtTarg syncRect closestIdxFromXpos',
  selection: 'hideSelect setSelH setSelV',
  series: 'addSeries delSeries setSeries setBand addBand delBand setFocus setAlpha toggleDOM',
}

/**
 * uPlot is one closure, of which no bundler can leave anything out. Without the bodies of those functions it is two thirds
 * as large. One that is not there fails the build, and a test compares what is drawn with what all of uPlot draws.
 */
export function leanUplot() {
  return {
    name: 'lean-uplot',
    transform: {
      filter: { id: /uPlot\.esm\.js$/ },
      handler(code) {
        const left = new Set(Object.values(UNREACHED).flatMap((names) => names.split(' ')))
        const bodies = []
        const look = (node) => {
          if (node === null || typeof node !== 'object') return
          if (node.type === 'FunctionDeclaration' && left.delete(node.id.name)) bodies.push(node.body)
          else Object.values(node).forEach(look)
        }
        look(parseAst(code))
        if (left.size > 0) this.error(`uPlot has no functions ${[...left].join(', ')} any more`)
        return { code: without(code, bodies), map: null }
      },
    },
  }
}

const without = (code, bodies) =>
  bodies.toReversed().reduce((text, { start, end }) => `${text.slice(0, start)}{}${text.slice(end)}`, code)
