/** Numbers, times and sizes as the page says them: the same in every browser, and as wide from one second to the next. */

const whole = new Intl.NumberFormat('en')

export const countText = (count: number): string => whole.format(count)

/** `3 devices`, `1 device`. */
export const several = (count: number, one: string, many = `${one}s`): string =>
  `${countText(count)} ${count === 1 ? one : many}`

/** `createApiToken` → `create api token`. */
export const inWords = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)

const two = (part: number): string => String(part).padStart(2, '0')

/** `2026-11-24 20:10`, by the reader's clock. */
export function timeText(at: Date): string {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`
}

/** `20:10:05`. */
export const clockText = (at: Date): string => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

export function bytesText(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

/** Roughly, for people: `45 s`, `12 min`, `3 h 20 min`, `5 days`. */
export function durationText(seconds: number): string {
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`
  if (minutes < 60) return `${minutes} min`
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} days`
}

/** Time that is left, to the second: `4:09`. */
export const countdownText = (seconds: number): string => `${Math.floor(seconds / 60)}:${two(Math.ceil(seconds % 60))}`

/** For a shell: whatever is in it, it is one word. */
export const shellWord = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`
