import { renderMarkdown } from './render.ts'
import type { Report } from './report.ts'

/**
 * `page` with the tables of `report` between the markers of each suite. What was not measured stays as it is, so that
 * one suite can be measured anew. @throws {Error} when the page has no place for a suite.
 */
export function withTables(page: string, report: Report): string {
  return report.suites.reduce((text, suite) => {
    const begin = `<!-- bench:${suite.name} -->`
    const end = `<!-- /bench:${suite.name} -->`
    const from = text.indexOf(begin)
    const to = text.indexOf(end)
    if (from === -1 || to < from) throw new Error(`The page has no ${begin} … ${end}.`)
    return `${text.slice(0, from + begin.length)}\n\n${renderMarkdown(suite)}\n\n${text.slice(to)}`
  }, page)
}
