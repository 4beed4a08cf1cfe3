const MAX_GLOB_CHARACTERS = 243

/** Why a text cannot be a pattern for manufacturer IDs, as the end of a sentence. */
export function globProblem(glob: string): string | undefined {
  if (glob === '') return 'is empty'
  if (/[\p{Cc}\p{Cs}]/u.test(glob)) return 'has a control character'
  return Array.from(glob).length > MAX_GLOB_CHARACTERS ? `is longer than ${MAX_GLOB_CHARACTERS} characters` : undefined
}

/**
 * Whether `text` matches `glob` whole: `*` stands for any characters, none too, `?` for exactly one, everything else for
 * itself. Not a regular expression, because devices choose what they are matched against: this takes at most as many steps
 * as the two lengths multiplied.
 */
export function globMatches(glob: string, text: string): boolean {
  const pattern = Array.from(glob)
  const characters = Array.from(text)
  let at = 0
  let next = 0
  /** Where the last `*` is, and up to where it has swallowed. */
  let star = -1
  let swallowed = 0
  while (at < characters.length) {
    if (pattern[next] === '*') {
      star = next++
      swallowed = at
    } else if (pattern[next] === '?' || pattern[next] === characters[at]) {
      next++
      at++
    } else if (star >= 0) {
      next = star + 1
      at = ++swallowed
    } else return false
  }
  while (pattern[next] === '*') next++
  return next === pattern.length
}
