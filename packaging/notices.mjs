// The licences of what is inside the single executable: our dependencies, and Node with all that it is made of.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeFolder, root } from './tools.mjs'

// Bundles name the licences of what is in them beside themselves.
const LICENCE = /^(?:swagger-ui-bundle\.js\.)?(?:licen[cs]e|notice|copying)(?:[.-].*)?$/i
const RULE = '='.repeat(80)

/** @param folders - of the packages that were bundled, from the root of the sources. */
export function noticesOf(folders, arch) {
  const parts = folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
    const texts = readdirSync(join(root, folder))
      .filter((file) => LICENCE.test(file))
      .map((file) => readFileSync(join(root, folder, file), 'utf8').trim())
    // A few packages name their licence and leave its text out.
    if (texts.length === 0) texts.push(`Licence: ${license}. The package holds no text of it.`)
    return `${RULE}\n${name} ${version} (${license})\n${RULE}\n\n${texts.join('\n\n')}\n`
  })
  const node = join(nodeFolder(arch), 'LICENSE')
  if (!existsSync(node)) throw new Error(`${node} is missing, and must go with every copy`)
  return [
    'Mooring contains the work of others. Their licences, one after the other; that of Node.js and its parts is the last.\n',
    ...parts,
    `${RULE}\nNode.js\n${RULE}\n\n${readFileSync(node, 'utf8').trim()}\n`,
  ].join('\n')
}
