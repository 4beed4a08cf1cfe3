import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { changes } from '../live.ts'
import { Confirm } from '../parts/dialog.tsx'
import { Card, Empty, Trouble } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { Table, type Column } from '../parts/table.tsx'
import { may } from '../session.ts'

/** A list with a way to make one more and to take one away. */
export function Keepers<Row extends { readonly name: string }>(props: {
  title: string
  empty: string
  read: () => Promise<readonly Row[]>
  columns: readonly Column<Row>[]
  remove: { verb: string; what: string; act: (row: Row) => Promise<unknown> }
  createText: string
  create: (close: () => void) => ComponentChildren
}) {
  const rows = useLoaded(props.read, [changes.value])
  const removing = useSignal<Row | undefined>(undefined)
  const isCreating = useSignal(false)
  const found = rows.value.value
  const { verb, what, act } = props.remove
  const actions: Column<Row> = {
    head: 'Actions',
    cell: (row) => (
      <button type="button" class="danger small" onClick={() => (removing.value = row)}>
        {verb}…<span class="hidden"> {row.name}</span>
      </button>
    ),
  }
  return (
    <Card
      title={props.title}
      aside={
        may('admin') ? (
          <button type="button" onClick={() => (isCreating.value = true)}>
            {props.createText}
          </button>
        ) : null
      }
    >
      <Trouble of={rows} />
      {found === undefined ? null : found.length === 0 ? (
        <Empty title={props.empty} />
      ) : (
        <Table
          label={props.title}
          rows={found}
          keyOf={({ name }) => name}
          columns={may('admin') ? [...props.columns, actions] : props.columns}
        />
      )}
      {isCreating.value
        ? props.create(() => {
            isCreating.value = false
            rows.reload()
          })
        : null}
      {removing.value === undefined ? null : (
        <Confirm
          title={`${verb} ${removing.value.name}`}
          submit={`${verb} ${removing.value.name}`}
          act={async () => {
            if (removing.value !== undefined) await act(removing.value)
            rows.reload()
          }}
          close={() => (removing.value = undefined)}
        >
          <p>{what}</p>
        </Confirm>
      )}
    </Card>
  )
}
