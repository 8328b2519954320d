import { VERSION } from '../version.ts'
import { audit } from './audit.ts'
import { binds, pcap } from './binds.ts'
import { carriers } from './carriers.ts'
import type { Command } from './command.ts'
import { checkConfig, config } from './config.ts'
import { migrate, rotateEncryption } from './database.ts'
import { dlq } from './dlq.ts'
import { hashPassword } from './hash-password.ts'
import { keys } from './keys.ts'
import { invoices, ledger, reconcile } from './money.ts'
import { numbers } from './numbers.ts'
import { rates } from './rates.ts'
import { routes } from './routes.ts'
import { sandbox } from './sandbox.ts'
import { send } from './send.ts'
import { serve } from './serve.ts'
import { users } from './users.ts'

/** Every command by its word, in the order of the help. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['serve', serve],
  ['check-config', checkConfig],
  ['migrate', migrate],
  ['rotate-encryption', rotateEncryption],
  ['ledger', ledger],
  ['reconcile', reconcile],
  ['invoices', invoices],
  ['audit', audit],
  ['send', send],
  ['dlq', dlq],
  ['carriers', carriers],
  ['config', config],
  ['rates', rates],
  ['numbers', numbers],
  ['keys', keys],
  ['routes', routes],
  ['users', users],
  ['hash-password', hashPassword],
  ['binds', binds],
  ['pcap', pcap],
  ['sandbox', sandbox],
])

/** What `linehaul help` shows. */
export const HELP = `linehaul ${VERSION}: SMPP/HTTP carrier connector gateway for SMS

${[...COMMANDS.values()].map(({ usage }) => usage).join('\n')}

Exit codes: 0 done; 1 refused, not reached, or not done for all; 2 the command is wrong.

The configuration is the YAML file in LINEHAUL_CONFIG, or linehaul.yaml in this folder. Environment
variables go over the file; see docs/configuration.md.
`
