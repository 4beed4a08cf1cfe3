import { useSignal } from '@preact/signals'
import { wholeList } from '../../whole-list.ts'
import { ask, type Answer } from '../api.ts'
import { Copyable, Dialog, Shown } from '../parts/dialog.tsx'
import { Choice, Field, Form } from '../parts/form.tsx'
import { Badge, Time } from '../parts/layout.tsx'
import { Keepers } from './keepers.tsx'
import { roleOf, ROLES } from './roles.ts'

const LIFETIMES = [
  ['7776000', '90 days'],
  ['31536000', '1 year'],
  ['', 'for ever'],
] as const

export function ApiTokens() {
  const made = useSignal<string | undefined>(undefined)
  return (
    <>
      <Keepers
        title="API tokens"
        empty="There is no API token. Programs use one instead of a password."
        read={() =>
          wholeList(async (page) => {
            const { apiTokens: items, next } = await ask('listApiTokens', page)
            return { items, next }
          })
        }
        columns={[
          { head: 'Name', cell: ({ name }) => name },
          { head: 'Role', cell: ({ role }) => <Badge kind="plain">{role}</Badge> },
          { head: 'Scopes', cell: ({ scopes }) => <code>{scopes.join(' ')}</code> },
          { head: 'Expires', cell: ({ expiresAt }) => <Time at={expiresAt} /> },
          { head: 'Last use', cell: ({ lastUsedAt }) => <Time at={lastUsedAt} /> },
        ]}
        remove={{
          verb: 'Revoke',
          what: 'Programs that use it are refused from the next request on.',
          act: ({ name }: Answer<'listApiTokens'>['apiTokens'][number]) => ask('revokeApiToken', { name }),
        }}
        createText="Create an API token"
        create={(close) => (
          <Dialog title="Create an API token" close={close}>
            <Form
              submit="Create"
              cancel={close}
              onSubmit={async ({ name = '', role, scopes = '', lifetime }) => {
                const { token } = await ask('createApiToken', {
                  name,
                  role: roleOf(role),
                  scopes: scopes === '' ? ['*'] : scopes.split(/[\s,]+/),
                  ...(lifetime ? { expiresInSeconds: Number(lifetime) } : {}),
                })
                made.value = token
                close()
              }}
            >
              <Field label="Name" name="name" required autoFocus autoComplete="off" placeholder="dashboard" />
              <div class="filters">
                <Choice label="Role" name="role" options={ROLES} />
                <Choice label="Good for" name="lifetime" options={LIFETIMES} />
              </div>
              <Field
                label="Scopes"
                name="scopes"
                placeholder="*"
                hint="Empty: all that the role may. Else the first level of a path, such as devices, or devices:read."
              />
            </Form>
          </Dialog>
        )}
      />
      {made.value === undefined ? null : (
        <Shown title="The API token" close={() => (made.value = undefined)}>
          <Copyable label="API token" text={made.value} />
        </Shown>
      )}
    </>
  )
}

export function ServiceKeys() {
  const made = useSignal<Answer<'createServiceKey'> | undefined>(undefined)
  return (
    <>
      <Keepers
        title="Service keys"
        empty="There is no service key. Your own software connects over MQTT with one."
        read={() =>
          wholeList(async (page) => {
            const { keys: items, next } = await ask('listServiceKeys', page)
            return { items, next }
          })
        }
        columns={[
          { head: 'Name', cell: ({ name }) => name },
          { head: 'Access key', cell: ({ accessKey }) => <code>{accessKey}</code> },
          { head: 'Publishes', cell: ({ rules }) => <code>{rules.publish.join(' ') || '–'}</code> },
          { head: 'Subscribes', cell: ({ rules }) => <code>{rules.subscribe.join(' ') || '–'}</code> },
          { head: 'Made', cell: ({ createdAt }) => <Time at={createdAt} /> },
        ]}
        remove={{
          verb: 'Delete',
          what: 'Its connections end, and it cannot log in again.',
          act: ({ name }: Answer<'listServiceKeys'>['keys'][number]) => ask('deleteServiceKey', { key: name }),
        }}
        createText="Create a service key"
        create={(close) => (
          <Dialog title="Create a service key" close={close}>
            <Form
              submit="Create"
              cancel={close}
              onSubmit={async ({ name = '', publish = '', subscribe = '' }) => {
                made.value = await ask('createServiceKey', {
                  name,
                  rules: { ...filtersOf('publish', publish), ...filtersOf('subscribe', subscribe) },
                })
                close()
              }}
            >
              <Field label="Name" name="name" required autoFocus autoComplete="off" placeholder="historian" />
              <Field label="Publishes to" name="publish" spellcheck={false} placeholder="losant/+/command" />
              <Field
                label="Subscribes to"
                name="subscribe"
                spellcheck={false}
                placeholder="losant/+/state"
                hint="Topic filters, with spaces between them. Both empty: everything below the topic root."
              />
            </Form>
          </Dialog>
        )}
      />
      {made.value === undefined ? null : (
        <Shown title={`The service key ${made.value.name}`} close={() => (made.value = undefined)}>
          <Copyable label="Access key" text={made.value.accessKey} />
          <Copyable label="Access secret" text={made.value.accessSecret} />
        </Shown>
      )}
    </>
  )
}

const filtersOf = (name: 'publish' | 'subscribe', text: string): { publish?: string[]; subscribe?: string[] } =>
  text === '' ? {} : { [name]: text.split(/\s+/) }
