import { readCsvRecords, tagsOf, type RowReader, type RowShape, type RowTag } from './csv-rows.ts'

export { CSV_OPTIONS, type FileProblem } from './csv-rows.ts'

/** One line of a file that becomes the allow-list. What the values may be is the registry's to say. */
export interface AllowListRow {
  readonly line: number
  readonly manufacturerId: string
  readonly tags: RowTag[]
  readonly note: string
}

export type AllowListReader = RowReader<AllowListRow>

/** Rows in one request, and in one page of an answer. */
export const MAX_ROWS_PER_PAGE = 1000

const COLUMNS = ['manufacturerId', 'tags', 'note'] as const

const SHAPE: RowShape<(typeof COLUMNS)[number], AllowListRow> = {
  columns: COLUMNS,
  required: 'manufacturerId',
  atOnce: MAX_ROWS_PER_PAGE,
  rowOf(field, line) {
    const tags = tagsOf(field('tags'))
    if (typeof tags === 'string') return tags
    return { line, manufacturerId: field('manufacturerId'), tags, note: field('note') }
  },
}

/** The columns: `manufacturerId`, and perhaps `tags` (`key=value;key=value`) and `note`. */
export const readAllowListRecords = (
  records: AsyncIterable<unknown> | Iterable<unknown>,
  reader: AllowListReader,
): Promise<void> => readCsvRecords(records, SHAPE, reader)
