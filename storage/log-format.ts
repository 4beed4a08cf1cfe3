/** The files that LevelDB appends records to: its log and its manifest. Source: LevelDB doc/log_format.md. */

export const BLOCK_BYTES = 32_768
export const HEADER_BYTES = 7

/** Where the record behind one that ends at `end` begins: a header that does not fit into a block begins the next. */
export function nextRecordAt(end: number): number {
  const left = BLOCK_BYTES - (end % BLOCK_BYTES)
  return left < HEADER_BYTES ? end + left : end
}
