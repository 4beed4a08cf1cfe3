/** How manufacturer IDs are compared: ways to write one that mean the same device count as one. They are stored as sent. */
export const NORMALISATIONS = ['none', 'mac', 'imei', 'upper'] as const

export type Normalisation = (typeof NORMALISATIONS)[number]

/** EUI-48 as IEEE 802, Cisco and bare firmware write it: `AA:BB:…`, `aa-bb-…`, `aabb.ccdd.eeff`, `aabbccddeeff`. */
const MAC = /^[0-9a-f]{2}(?:[:-]?[0-9a-f]{2}){5}$|^[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}$/i

/** 3GPP TS 23.003 §6.2: 14 digits and a check digit, printed in groups with a blank, a hyphen or a slash between. */
const IMEI = /^\d(?:[ /-]?\d){14}$/

const forms: Record<Normalisation, (manufacturerId: string) => string> = {
  none: (id) => id,
  mac: (id) => (MAC.test(id) ? id.replaceAll(/[:.-]/g, '').toUpperCase() : id),
  imei: (id) => (IMEI.test(id) ? id.replaceAll(/[ /-]/g, '') : id),
  upper: (id) => id.toUpperCase(),
}

/** The form under which `manufacturerId` is looked up. An ID that is not of the kind is compared as it is. */
export const normalised = (manufacturerId: string, how: Normalisation): string => forms[how](manufacturerId)

/**
 * How index keys of IDs that begin with `prefix` begin, in their order: as it was given, and as it is when it is the
 * beginning of an ID of the kind. None begins with another.
 */
export function prefixForms(prefix: string, how: Normalisation): string[] {
  const [first = prefix, second = prefix] = [prefix, beginnings[how](prefix)].toSorted()
  return second.startsWith(first) ? [first] : [first, second]
}

const beginnings: Record<Normalisation, (prefix: string) => string> = {
  none: (prefix) => prefix,
  mac: (prefix) => (/^[0-9a-f:.-]+$/i.test(prefix) ? prefix.replaceAll(/[:.-]/g, '').toUpperCase() : prefix),
  imei: (prefix) => (/^[\d /-]+$/.test(prefix) ? prefix.replaceAll(/[ /-]/g, '') : prefix),
  upper: (prefix) => prefix.toUpperCase(),
}
