/** Topic names and topic filters. Source: MQTT 3.1.1 §4.7. */

/** Whether `filter` selects `topic`. A wildcard at the start does not reach topics that begin with `$` [MQTT-4.7.2-1]. */
export function filterMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && !filter.startsWith('$')) return false
  return covers(filter.split('/'), topic.split('/'))
}

/** Whether every topic that `narrow` selects is selected by `wide` too. */
export const filterCovers = (wide: string, narrow: string): boolean => covers(wide.split('/'), narrow.split('/'))

function covers(wide: readonly string[], narrow: readonly string[]): boolean {
  for (const [index, level] of wide.entries()) {
    // `#` includes the parent level as well: `sport/#` selects `sport` [MQTT-4.7.1-2].
    if (level === '#') return true
    const other = narrow[index]
    if (other === undefined || other === '#') return false
    if (level !== '+' && level !== other) return false
  }
  return wide.length === narrow.length
}

/** Why `filter` is not a topic filter, or undefined when it is one [MQTT-4.7.1-1..3, MQTT-4.7.3-1]. */
export function filterProblem(filter: string): string | undefined {
  if (filter === '') return 'is empty'
  if (filter.includes('\0')) return 'contains U+0000'
  if (Buffer.byteLength(filter) > 65_535) return 'is longer than 65,535 bytes'
  const levels = filter.split('/')
  for (const [index, level] of levels.entries()) {
    if (level.length > 1 && /[+#]/.test(level)) return 'has a wildcard that shares its level with other characters'
    if (level === '#' && index !== levels.length - 1) return 'has # before its last level'
  }
  return undefined
}

/** Why nobody can be given `filter`, or undefined when somebody can: what begins with `$` is the server's own. */
export const accessFilterProblem = (filter: string): string | undefined =>
  filterProblem(filter) ?? (filter.startsWith('$') ? 'begins with $' : undefined)

/** Why `topic` cannot be published to, or undefined when it can [MQTT-3.3.2-2, MQTT-4.7.3-1]. */
export function topicProblem(topic: string): string | undefined {
  if (/[+#]/.test(topic)) return 'has a wildcard'
  return filterProblem(topic)
}
