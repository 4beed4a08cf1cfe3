import { spawn } from 'node:child_process'

/**
 * Tells systemd how the service is, with systemd's own program: Node has no datagram sockets of the Unix kind. Does
 * nothing where no service manager wants to hear it.
 *
 * Source: sd_notify(3), systemd-notify(1). The unit needs `NotifyAccess=all`.
 *
 * @param failed - hears why it could not be told; a service manager that waits for READY=1 then gives up.
 */
export function notifyServiceManager(
  state: 'READY=1' | 'STOPPING=1',
  env: NodeJS.ProcessEnv,
  failed: (reason: Error) => void,
): void {
  if (env['NOTIFY_SOCKET'] === undefined) return
  const child = spawn('systemd-notify', [state], { env, stdio: 'ignore' })
  child.once('error', failed)
  child.once('exit', (code) => {
    if (code !== 0) failed(new Error(`systemd-notify ended with ${code}`))
  })
}
