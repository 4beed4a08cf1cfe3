/** At least one; most often it is one, which then costs no array. */
export type OneOrMore<T extends object> = T | More<T>

class More<T> {
  readonly all: T[]

  constructor(...all: T[]) {
    this.all = all
  }
}

export function withOne<T extends object>(those: OneOrMore<T> | undefined, one: T): OneOrMore<T> {
  if (those === undefined) return one
  if (!(those instanceof More)) return new More(those, one)
  those.all.push(one)
  return those
}

/** @returns undefined when none is left. */
export function withoutOne<T extends object>(those: OneOrMore<T>, one: T): OneOrMore<T> | undefined {
  if (!(those instanceof More)) return those === one ? undefined : those
  const at = those.all.indexOf(one)
  if (at >= 0) those.all.splice(at, 1)
  return those.all.length === 0 ? undefined : those
}

export function firstOf<T extends object>(those: OneOrMore<T> | undefined, fits: (one: T) => boolean): T | undefined {
  if (those === undefined) return undefined
  if (those instanceof More) return those.all.find(fits)
  return fits(those) ? those : undefined
}

export function forEach<T extends object>(those: OneOrMore<T> | undefined, found: (one: T) => void): void {
  if (those === undefined) return
  if (those instanceof More) for (const one of those.all) found(one)
  else found(those)
}
