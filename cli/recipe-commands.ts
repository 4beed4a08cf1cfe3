import type { Command } from 'commander'
import { resolve } from 'node:path'
import { loadRecipes, readRecipes, recipesFolder } from '../config.ts'
import { TL_GENERATOR, type Recipe } from '../registry/index.ts'
import { examples } from './help.ts'
import { printable } from './output.ts'
import type { Run, Session } from './session.ts'

export function addRecipeCommands(program: Command, run: Run): void {
  const recipe = program.command('recipe').alias('recipes').description('recipes: what a new device starts with')

  recipe
    .command('list')
    .description('list the built-in recipe and those in the data folder, under recipes/')
    .action((_options: unknown, command: Command) => run(command, listRecipes))

  recipe
    .command('check')
    .argument('<file>', 'a YAML file in the export format of the platform')
    .description('say what is wrong with the recipes of a file, each with line and column')
    .addHelpText('after', examples('mooring recipe check generators.yaml'))
    .action((file: string, _options: unknown, command: Command) =>
      run(command, (session) => checkRecipes(session, file)),
    )
}

async function listRecipes(session: Session): Promise<void> {
  const { config } = session.loadConfig()
  const fromFiles = await loadRecipes(recipesFolder(config))
  const shadowed = fromFiles.some(({ name }) => name === TL_GENERATOR.name)
  const rows = [
    ...(shadowed ? [] : [summaryOf(TL_GENERATOR, 'built in', config.registration.recipe)]),
    ...fromFiles.map((recipe) => summaryOf(recipe, 'file', config.registration.recipe)),
  ]
  session.output.answer({ recipes: rows }, () =>
    session.output.table(
      ['NAME', 'DEVICE NAME', 'ATTRIBUTES', 'FROM', 'IN USE'],
      rows.map(({ name, deviceName, attributes, from, inUse }) => [
        name,
        deviceName,
        `${attributes}`,
        from,
        inUse ? 'yes' : '',
      ]),
    ),
  )
}

function summaryOf({ name, deviceName, attributes }: Recipe, from: 'built in' | 'file', chosen: string) {
  return { name, deviceName, attributes: attributes.length, from, inUse: name === chosen }
}

async function checkRecipes({ context, output }: Session, given: string): Promise<void> {
  const file = resolve(context.cwd, given)
  const recipes = readRecipes([file])
  output.answer({ valid: true, file, recipes: recipes.map(({ name }) => name) }, () => {
    const names = recipes.map(({ name }) => name).join(', ')
    return `${printable(file)}: valid (${recipes.length === 1 ? 'recipe' : 'recipes'} ${printable(names)})`
  })
}
