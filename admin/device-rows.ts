import type { DeviceRow } from '../registry/index.ts'
import { readCsvRecords, tagsOf, type RowReader, type RowShape, type RowTag } from './csv-rows.ts'

/** One line of a file of devices. */
export interface DeviceFileRow extends DeviceRow {
  readonly tags: RowTag[]
}

export type DeviceRowReader = RowReader<DeviceFileRow>

/** Each brings a secret along at worst, whose hash takes as long as fifty others. */
export const MAX_DEVICES_PER_REQUEST = 100

const OPTIONAL = ['name', 'deviceId', 'accessKey', 'accessSecret'] as const
const COLUMNS = ['manufacturerId', 'tags', ...OPTIONAL] as const

const SHAPE: RowShape<(typeof COLUMNS)[number], DeviceFileRow> = {
  columns: COLUMNS,
  required: 'manufacturerId',
  atOnce: MAX_DEVICES_PER_REQUEST,
  rowOf(field, line) {
    const tags = tagsOf(field('tags'))
    if (typeof tags === 'string') return tags
    const given = OPTIONAL.flatMap((column) => (field(column) === '' ? [] : [[column, field(column)] as const]))
    return { line, manufacturerId: field('manufacturerId'), tags, ...Object.fromEntries(given) }
  },
}

/** The columns: `manufacturerId`, and perhaps `name`, `tags` (`key=value;key=value`), `deviceId`, `accessKey`, `accessSecret`. */
export const readDeviceRecords = (
  records: AsyncIterable<unknown> | Iterable<unknown>,
  reader: DeviceRowReader,
): Promise<void> => readCsvRecords(records, SHAPE, reader)
