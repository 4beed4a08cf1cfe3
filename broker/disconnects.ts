/** Why we end a connection, beside what the protocol forbids. */

/** The client does not read what it subscribed to. */
export class SlowReader extends Error {
  override readonly name = 'SlowReader'
}

/** It published where it may not. The gate has reported it. */
export class PublishRefused extends Error {
  override readonly name = 'PublishRefused'

  constructor() {
    super('publish refused')
  }
}
