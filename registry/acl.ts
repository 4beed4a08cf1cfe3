import type { DeviceId } from './device.ts'
import { OWN_TOPICS_ONLY, type KeyFilter } from './key-filter.ts'
import type { DevicePrincipal, Principal, ServicePrincipal } from './principal.ts'
import { filterCovers, filterMatches, filterProblem, topicProblem } from './topics.ts'

/** How far a device reaches below its own topic: everything there, or `state` out and `command` in only. */
export type DeviceTopics = 'own' | 'state-and-command'

/**
 * (principal, action, topic or filter) → yes or no. Pure; default deny.
 *
 * A device reaches `<root>/<its own id>/`, and beyond the root what the filter of its key opens; a quarantined one hears
 * its commands and nothing else; a service key reaches what its rules say, deny first. Nobody reaches `$`-topics or shared
 * subscriptions. Source: docs/contract.md §5.
 */
export class AccessControl {
  readonly #root: string
  readonly #deviceTopics: DeviceTopics

  constructor(root: string, deviceTopics: DeviceTopics) {
    if (topicProblem(root) !== undefined || root.startsWith('$')) {
      throw new TypeError(`topic root ${JSON.stringify(root)} is not a topic`)
    }
    this.#root = root
    this.#deviceTopics = deviceTopics
  }

  /** What a service key may do when nothing else is said: everything under the topic root. */
  get everythingUnderRoot(): string {
    return `${this.#root}/#`
  }

  stateTopicOf(id: DeviceId): string {
    return `${this.#root}/${id}/state`
  }

  commandTopicOf(id: DeviceId): string {
    return `${this.#root}/${id}/command`
  }

  /** Also for wills and retained messages. */
  mayPublish(principal: Principal, topic: string): boolean {
    if (topicProblem(topic) !== undefined || topic.startsWith('$')) return false
    if (principal.kind === 'service') return allows(principal, principal.rules.publish, topic)
    const { deviceId, quarantined, filter = OWN_TOPICS_ONLY } = principal
    if (quarantined === true) return false
    const isOwn = this.#deviceTopics === 'own' ? this.#isOwn(deviceId, topic) : topic === this.stateTopicOf(deviceId)
    return this.#opens(filter.filterType, filter.pubTopics, topic, isOwn, filterMatches)
  }

  maySubscribe(principal: Principal, filter: string): boolean {
    if (filterProblem(filter) !== undefined || filter.startsWith('$')) return false
    if (principal.kind === 'service') {
      const { subscribe, deny } = principal.rules
      return !deny.some((rule) => filterCovers(rule, filter)) && subscribe.some((rule) => filterCovers(rule, filter))
    }
    const { filterType, subTopics } = principal.filter ?? OWN_TOPICS_ONLY
    const isOwn = this.#mayHear(principal, filter)
    if (principal.quarantined === true) return isOwn
    return this.#opens(filterType, subTopics, filter, isOwn, filterCovers)
  }

  /**
   * Asked for every delivery: a granted filter may be wider than the permission (`#` with a deny rule; `<root>/<id>/#`,
   * which selects its parent), and a stored subscription may be older than a change of the rules.
   */
  mayReceive(principal: Principal, topic: string): boolean {
    if (topic.startsWith('$')) return false
    if (principal.kind === 'service') return allows(principal, principal.rules.subscribe, topic)
    const { filterType, subTopics } = principal.filter ?? OWN_TOPICS_ONLY
    const isOwn = this.#mayHear(principal, topic)
    if (principal.quarantined === true) return isOwn
    return this.#opens(filterType, subTopics, topic, isOwn, filterMatches)
  }

  #mayHear({ deviceId, quarantined }: DevicePrincipal, topicOrFilter: string): boolean {
    if (this.#deviceTopics === 'own' && quarantined !== true) return this.#isOwn(deviceId, topicOrFilter)
    return topicOrFilter === this.commandTopicOf(deviceId)
  }

  /**
   * Below the root every topic is some device's, and no filter of another's key opens it. A subscription that is wider is
   * granted, and each delivery is asked about.
   */
  #opens(
    filterType: KeyFilter['filterType'],
    listed: readonly string[],
    topicOrFilter: string,
    isOwn: boolean,
    selects: (filter: string, topicOrFilter: string) => boolean,
  ): boolean {
    if (filterType === 'none') return isOwn
    const isOpen = isOwn || !selects(this.everythingUnderRoot, topicOrFilter)
    if (!isOpen || filterType === 'all') return isOpen
    const isListed = listed.some((filter) => selects(filter, topicOrFilter))
    return filterType === 'whitelist' ? isOwn || isListed : !isListed
  }

  // The prefix holds no wildcard, so a filter that begins with it cannot leave it.
  #isOwn(id: DeviceId, topicOrFilter: string): boolean {
    return topicOrFilter.startsWith(`${this.#root}/${id}/`)
  }
}

function allows(principal: ServicePrincipal, rules: readonly string[], topic: string): boolean {
  return (
    !principal.rules.deny.some((rule) => filterMatches(rule, topic)) && rules.some((rule) => filterMatches(rule, topic))
  )
}
