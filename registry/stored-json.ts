/** The fields of a stored record; none when it is not JSON. */
export function parseStored(value: Buffer): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(value.toString()))
  } catch {
    return {}
  }
}

/** A record that has this shape; undefined when it is none. */
export function storedAs<T>(value: Buffer, shape: ShapeOf<T>): T | undefined {
  try {
    const stored: T = JSON.parse(value.toString())
    return hasShape(Object(stored), shape) ? stored : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

type Check = (value: unknown) => boolean

/** What each field of a record must be; further ones may be there. */
export type Shape = Readonly<Record<string, Check>>

/** Of a record that is read as one of these: no field of it goes unchecked. */
export type ShapeOf<T> = { readonly [Field in keyof T]-?: Check }

export const hasShape = (record: Readonly<Record<string, unknown>>, shape: Shape): boolean =>
  Object.entries(shape).every(([name, is]) => is(record[name]))

export const text: Check = (value) => typeof value === 'string'
export const flag: Check = (value) => typeof value === 'boolean'
export const time: Check = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value))
export const count: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0
export const oneOf =
  (names: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && names.includes(value)
export const optional =
  (is: Check): Check =>
  (value) =>
    value === undefined || is(value)
export const listOf =
  (is: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(is)
export const record =
  (shape: Shape): Check =>
  (value) =>
    typeof value === 'object' && value !== null && hasShape({ ...value }, shape)
export const tag: Check = record({ key: text, value: text })
