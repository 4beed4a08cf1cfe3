/** From small to large, as `formatDuration` expects. */
const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

export const DURATION = /^(\d{1,9})(ms|s|m|h|d)$/
export const SIZE = /^(\d{1,15}) ?(B|KiB|MiB|GiB)?$/

/**
 * @param text - a whole number and a unit: `500ms`, `10s`, `5m`, `12h`, `90d`.
 * @returns milliseconds.
 * @throws {RangeError} when it is not a duration; the message says what is expected.
 */
export function parseDuration(text: string): number {
  const [, number, unit = ''] = DURATION.exec(text) ?? []
  const factor = MILLISECONDS[unit]
  if (factor === undefined)
    throw new RangeError('expected a duration with its unit, such as 500ms, 10s, 5m, 12h or 90d')
  return Number(number) * factor
}

/**
 * @param size - bytes as a number, or a whole number and a unit: `4096`, `16KiB`, `1MiB`.
 * @returns bytes.
 * @throws {RangeError} when it is not a size; the message says what is expected.
 */
export function parseSize(size: string | number): number {
  const [, number, unit = 'B'] = SIZE.exec(String(size)) ?? []
  const bytes = Number(number) * (BYTES[unit] ?? Number.NaN)
  if (!Number.isSafeInteger(bytes)) throw new RangeError('expected a size in bytes, such as 4096, 16KiB or 1MiB')
  return bytes
}

/** In the largest unit in which it is a whole number. */
export function formatDuration(milliseconds: number): string {
  const fitting = Object.entries(MILLISECONDS).filter(
    ([, factor]) => milliseconds >= factor && milliseconds % factor === 0,
  )
  const [unit, factor] = fitting.at(-1) ?? ['ms', 1]
  return `${milliseconds / factor}${unit}`
}
