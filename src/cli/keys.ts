import { parseArgs } from 'node:util'
import {
  createKey,
  type KeyCommand,
  type KeyWish,
  listKeys,
  revokeKey,
  rotateKey,
} from '../key-commands.ts'
import { ACCESS_OPTIONS, asOperator } from './access.ts'
import { type Command, UsageError } from './command.ts'

/** Shows, makes and ends API keys. */
export const keys: Command = {
  usage: `\
  linehaul keys list [--tenant NAME]
                                    every API key, how it stands and when it was last used
  linehaul keys create NAME --scopes SCOPE,... [--tenant NAME] [--expires TIME] [--from NETWORK,...]
                                    [--signing full|short]
                                    make one; it is shown this once (docs/api-keys.md)
  linehaul keys rotate ID [--overlap HOURS] | revoke ID
                                    replace one, the old one good for a while | end one for good
                                    all take an operator's or a tenant's key: [--key KEY] [--url URL]`,

  async run([action, ...args]) {
    const options = {
      ...ACCESS_OPTIONS,
      tenant: { type: 'string' },
      scopes: { type: 'string' },
      expires: { type: 'string' },
      from: { type: 'string' },
      signing: { type: 'string' },
      overlap: { type: 'string' },
    } as const
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    const [target, ...others] = positionals
    const act = actionOf(action, asOperator('keys', values), target, values)
    if (!act || others.length > 0) {
      throw new UsageError(
        'keys needs one of: list, create NAME --scopes SCOPE,..., rotate ID, revoke ID',
      )
    }
    return act()
  },
}

function actionOf(
  action: string | undefined,
  command: KeyCommand,
  target: string | undefined,
  values: Omit<Partial<KeyWish>, 'name'> & { readonly overlap?: string | undefined },
): (() => Promise<boolean>) | undefined {
  const { overlap, scopes, ...wish } = values
  if (action === 'list' && target === undefined) return () => listKeys(command, wish.tenant)
  if (target === undefined) return undefined
  if (action === 'create' && scopes !== undefined) {
    return () => createKey(command, { ...wish, name: target, scopes })
  }
  if (action === 'revoke') return () => revokeKey(command, target)
  if (action !== 'rotate') return undefined
  const hours = overlap === undefined ? undefined : Number(overlap)
  if (Number.isNaN(hours)) throw new UsageError(`--overlap "${overlap}" is no number of hours`)
  return () => rotateKey(command, target, hours)
}
