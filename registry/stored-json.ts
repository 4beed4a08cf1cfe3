/** The fields of a stored record; none when it is not JSON. */
export function parseStored(value: Buffer): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(value.toString()))
  } catch {
    return {}
  }
}
