/** A number as people read it: three significant digits, thousands apart. */
export function quantity(value: number, unit = ''): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2
  const text = value.toLocaleString('en-US', { maximumFractionDigits: digits })
  return unit === '' ? text : `${text} ${unit}`
}
