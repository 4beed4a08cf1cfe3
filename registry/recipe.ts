import type { ComingBack } from './tokens/token.ts'

/** Types of attribute values. Source: docs/contract.md §3. */
export const ATTRIBUTE_DATA_TYPES = ['number', 'string', 'gps', 'boolean', 'blob'] as const

export type AttributeDataType = (typeof ATTRIBUTE_DATA_TYPES)[number]

export interface Attribute {
  readonly name: string
  readonly dataType: AttributeDataType
}

/** What a new device starts with. */
export interface Recipe {
  readonly name: string
  /** A new device is named `<deviceName> - <manufacturer ID>`. */
  readonly deviceName: string
  readonly deviceClass: string
  readonly description: string
  readonly tags: readonly { readonly key: string; readonly value: string }[]
  readonly attributes: readonly Attribute[]
  /** Whether its devices may register again, where their token does not say. @defaultValue 'never' */
  readonly comingBack?: ComingBack
}

const numbers = (...names: string[]): Attribute[] => names.map((name) => ({ name, dataType: 'number' }))

/** Built in, and the default. Source: docs/contract.md §3. */
export const TL_GENERATOR: Recipe = {
  name: 'tl-generator',
  deviceName: 'Generator',
  deviceClass: 'standalone',
  description: 'Industrial power generator.',
  tags: [],
  attributes: [
    ...numbers(
      'manifold_temperature',
      'rpm',
      'battery_voltage',
      'fuel_level',
      'oil_pressure',
      'output_current',
      'running',
    ),
    { name: 'location', dataType: 'gps' },
    { name: 'fault_description', dataType: 'string' },
    { name: 'maintenance_description', dataType: 'string' },
    ...numbers('state_index'),
    { name: 'state_description', dataType: 'string' },
    ...numbers(
      'hours_running',
      'days_running',
      'is_in_maintenance_mode',
      'is_in_faulted_mode',
      'is_in_running_mode',
      'is_in_stopped_mode',
    ),
  ],
}
