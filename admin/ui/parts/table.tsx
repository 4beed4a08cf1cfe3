import type { ComponentChildren } from 'preact'

export interface Column<Row> {
  readonly head: string
  readonly cell: (row: Row) => ComponentChildren
}

/**
 * A table; on a narrow screen each row is a card, whose cells say what they are. The roles say again what it is, as a table
 * whose parts are laid out in another way is none to some browsers.
 */
export function Table<Row>(props: {
  label: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  keyOf: (row: Row) => string
}) {
  return (
    <div class="table-box" role="region" aria-label={props.label} tabIndex={0}>
      <table role="table">
        <thead role="rowgroup">
          <tr role="row">
            {props.columns.map((column) => (
              <th key={column.head} scope="col" role="columnheader">
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {props.rows.map((row) => (
            <tr key={props.keyOf(row)} role="row">
              {props.columns.map((column) => (
                <td key={column.head} role="cell" data-head={column.head}>
                  <div>{column.cell(row)}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** To the first page and to the next: cursors know no page before. */
export const Pager = (props: { isFirst: boolean; next: string | undefined; go: (after: string | undefined) => void }) =>
  props.isFirst && props.next === undefined ? null : (
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled={props.isFirst} onClick={() => props.go(undefined)}>
        First page
      </button>
      <button type="button" disabled={props.next === undefined} onClick={() => props.go(props.next)}>
        Next page
      </button>
    </nav>
  )
