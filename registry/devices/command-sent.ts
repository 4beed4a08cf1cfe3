/** Who has a command now, and for whom it waits. */
export interface CommandSent {
  readonly topic: string
  readonly sent: number
  readonly queued: number
  readonly device: 'sent' | 'queued' | 'full' | 'unheard'
}
