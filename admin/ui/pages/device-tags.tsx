import { useSignal } from '@preact/signals'
import { ask, messageOf, type Answer } from '../api.ts'
import { Dialog } from '../parts/dialog.tsx'
import { Field, Form } from '../parts/form.tsx'
import { Alert } from '../parts/layout.tsx'
import { may } from '../session.ts'

type Tags = Answer<'getDevice'>['tags']

/** What every device has says nothing about one. */
const ofInterest = (tags: Tags): Tags => tags.filter(({ key }) => key !== 'manufacturerId' && key !== 'DeviceRecipe')

export function TagList({ tags }: { tags: Tags }) {
  const own = ofInterest(tags)
  if (own.length === 0) return <span class="muted">–</span>
  return (
    <ul class="tags">
      {own.map(({ key, value }) => (
        <li key={`${key}=${value}`}>{`${key}=${value}`}</li>
      ))}
    </ul>
  )
}

export function DeviceTags({ device, changed }: { device: Answer<'getDevice'>; changed: () => void }) {
  const isAdding = useSignal(false)
  const error = useSignal<string | undefined>(undefined)
  const change = async (request: { set?: { key: string; value: string }[]; remove?: string[] }): Promise<void> => {
    await ask('tagDevice', { device: device.id, ...request })
    changed()
  }
  const remove = (key: string): void => {
    error.value = undefined
    change({ remove: [key] }).catch((reason: unknown) => (error.value = messageOf(reason)))
  }
  if (!may('operator')) return <TagList tags={device.tags} />
  return (
    <div class="actions">
      <ul class="tags">
        {ofInterest(device.tags).map(({ key, value }) => (
          <li key={`${key}=${value}`}>
            {`${key}=${value}`}
            <button type="button" aria-label={`Remove the tag ${key}`} onClick={() => remove(key)}>
              ×
            </button>
          </li>
        ))}
      </ul>
      {error.value === undefined ? null : <Alert>{error.value}</Alert>}
      <button type="button" class="small" onClick={() => (isAdding.value = true)}>
        Add a tag
      </button>
      {isAdding.value ? (
        <Dialog title="Add a tag" close={() => (isAdding.value = false)}>
          <Form
            submit="Add"
            cancel={() => (isAdding.value = false)}
            onSubmit={async ({ key = '', value = '' }) => {
              await change({ set: [{ key, value }] })
              isAdding.value = false
            }}
          >
            <Field
              label="Key"
              name="key"
              required
              autoFocus
              placeholder="site"
              hint="Takes the place of a tag with the same key."
            />
            <Field label="Value" name="value" required placeholder="berlin" />
          </Form>
        </Dialog>
      ) : null}
    </div>
  )
}
