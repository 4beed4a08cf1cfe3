/** Who has a message now, and for how many that are away it waits. */
export interface MessageReach {
  readonly sent: number
  readonly queued: number
}

/** Who has a command now, and for whom it waits. */
export interface CommandSent extends MessageReach {
  readonly topic: string
  readonly device: 'sent' | 'queued' | 'full' | 'unheard'
}
