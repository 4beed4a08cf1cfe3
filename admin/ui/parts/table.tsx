import type { ComponentChildren } from 'preact'

export interface Column<Row> {
  readonly head: string
  readonly cell: (row: Row) => ComponentChildren
}

/** A table; on a narrow screen each row is a card, whose cells say what they are. */
export function Table<Row>(props: {
  label: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  keyOf: (row: Row) => string
}) {
  return (
    <div class="table-box" role="region" aria-label={props.label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {props.columns.map(({ head }) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr key={props.keyOf(row)}>
              {props.columns.map(({ head, cell }) => (
                <td key={head} data-head={head}>
                  {cell(row)}
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
