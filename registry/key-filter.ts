import { accessFilterProblem } from './topics.ts'

/** The hosted platform's words. Source: docs/contract.md §5. */
export const FILTER_TYPES = ['none', 'all', 'whitelist', 'blacklist'] as const

export type FilterType = (typeof FILTER_TYPES)[number]

/**
 * What a device's key reaches beside the device's own topics. `none`: nothing. `all`: every topic that is not below the
 * topic root, where other devices are. `whitelist`: those of them that a filter selects. `blacklist`: those that no filter
 * selects, and of the device's own topics too.
 */
export interface KeyFilter {
  readonly filterType: FilterType
  readonly pubTopics: readonly string[]
  readonly subTopics: readonly string[]
}

export const OWN_TOPICS_ONLY: KeyFilter = { filterType: 'none', pubTopics: [], subTopics: [] }

const MAX_FILTERS = 100

/** Why this is no filter of a key, or undefined when it is one. */
export function keyFilterProblem({ filterType, pubTopics, subTopics }: KeyFilter): string | undefined {
  const filters = [...pubTopics, ...subTopics]
  const isListed = filterType === 'whitelist' || filterType === 'blacklist'
  if (!isListed && filters.length > 0) return `The filter type ${filterType} takes no topics.`
  if (isListed && filters.length === 0) return `The filter type ${filterType} needs topics.`
  if (filters.length > MAX_FILTERS) return `A key may have at most ${MAX_FILTERS} topic filters.`
  for (const filter of filters) {
    const problem = accessFilterProblem(filter)
    if (problem !== undefined) return `The topic filter ${JSON.stringify(filter)} ${problem}.`
  }
  return undefined
}
