import { z } from 'zod'
import { RegistryError } from '../../registry/index.ts'
import { operation } from './operation.ts'
import { serverOf } from './running-server.ts'

/** A name is read aloud, logged and compared by devices with little memory. */
const MAX_NAME_CHARACTERS = 256

export const commandOperations = {
  sendCommand: operation({
    summary: 'Send a command to a device; it waits for one that is away and keeps its session. QoS 1.',
    route: { method: 'POST', path: '/devices/{device}/commands' },
    role: 'operator',
    request: z.strictObject({
      device: z.string().meta({ description: 'The device ID or the manufacturer ID.' }),
      name: z.string().min(1).max(MAX_NAME_CHARACTERS),
      payload: z.unknown().exactOptional().meta({ description: 'Any JSON; absent: the command has none.' }),
    }),
    answer: z.object({
      topic: z.string(),
      sent: z.int().meta({ description: 'How many clients it went to: the device, and services that hear its topic.' }),
      queued: z.int().meta({ description: 'For how many that are away it waits.' }),
      device: z.enum(['sent', 'queued', 'full', 'unheard']).meta({
        description:
          'What became of it for the device itself; `full`: so much waits for it already that this was not kept; `unheard`: it does not listen, and nothing waits for it.',
      }),
    }),
    detail: ({ name }) => name,
    async call(parts, request) {
      const server = serverOf(parts)
      const { id, disabled, manufacturerId } = parts.registry.devices.get(request.device)
      if (disabled) throw new RegistryError('ERR_CONFLICT', `The device ${JSON.stringify(manufacturerId)} is disabled.`)
      return await server.sendCommand(id, Buffer.from(textOf(request)))
    },
  }),
}

/** Source: docs/contract.md §5. */
function textOf({ name, payload }: { readonly name: string; readonly payload?: unknown }): string {
  const time = { $date: new Date().toISOString() }
  try {
    return JSON.stringify({ name, time, payload })
  } catch (cause) {
    // So deep that it cannot be written any more.
    throw new RegistryError('ERR_INPUT_INVALID', 'The payload cannot be written as JSON.', { cause })
  }
}
