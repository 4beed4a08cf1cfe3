// What is inside the single executable, in the format CycloneDX.
import { nodeVersion, root, run } from './tools.mjs'

/** npm's own list of what the program depends on, and the Node that carries it. */
export function sbom() {
  const list = JSON.parse(run('npm', ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev'], { cwd: root }))
  // Two runs of the same release say the same.
  delete list.serialNumber
  delete list.metadata.timestamp
  const node = nodeVersion()
  list.components.push({
    'bom-ref': `node@${node}`,
    type: 'application',
    name: 'node',
    version: node,
    purl: `pkg:generic/node@${node}`,
    licenses: [{ license: { id: 'MIT' } }],
  })
  return `${JSON.stringify(list, null, 2)}\n`
}
