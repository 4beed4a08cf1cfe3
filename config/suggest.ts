/** The name that was probably meant, or undefined when none is near enough. */
export function closest(name: string, names: readonly string[]): string | undefined {
  const wanted = bare(name)
  const ending = names.filter((candidate) => endsWithWord(candidate, name))
  if (ending.length === 1) return ending[0]
  let best: { name: string; distance: number } | undefined
  for (const candidate of names) {
    const distance = editDistance(wanted, bare(candidate))
    if (distance <= Math.max(1, Math.floor(wanted.length / 4)) && distance < (best?.distance ?? Infinity)) {
      best = { name: candidate, distance }
    }
  }
  return best?.name
}

/** A sentence to end a problem with, or nothing. */
export function didYouMean(name: string, names: readonly string[]): string {
  const meant = closest(name, names)
  return meant === undefined ? '' : `; did you mean ${meant}?`
}

/** `max_packet_bytes`, `max-packet-bytes` and `maxPacketBytes` are one name. */
const bare = (name: string): string => name.replaceAll(/[_-]/g, '').toLowerCase()

/** `secret` where `registration.secret` was meant; `MOORING_SECRET` where `MOORING_REGISTRATION_SECRET` was. */
function endsWithWord(candidate: string, name: string): boolean {
  const last = bare(
    name
      .replace(/^MOORING_/, '')
      .split('.')
      .at(-1)!,
  )
  const words = candidate.split(/[._]/)
  return words.some((_, index) => index > 0 && bare(words.slice(index).join('_')) === last)
}

/** Levenshtein distance; names are short, and cut to be sure. */
function editDistance(from: string, to: string): number {
  const [source, target] = [from.slice(0, 80), to.slice(0, 80)]
  let row = Array.from({ length: target.length + 1 }, (_, index) => index)
  for (let i = 0; i < source.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < target.length; j++) {
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (source[i] === target[j] ? 0 : 1)))
    }
    row = next
  }
  return row.at(-1)!
}
