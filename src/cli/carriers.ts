import { parseArgs } from 'node:util'
import {
  CARRIER_ORDERS,
  type CarrierCommand,
  listCarriers,
  orderCarrier,
  showHistory,
  showQuality,
} from '../carrier-orders.ts'
import { asOperator, JSON_OPTIONS } from './access.ts'
import { type Command, UsageError } from './command.ts'
import { readLimit } from './whole-numbers.ts'

/** Shows carriers, and says what they may take. */
export const carriers: Command = {
  usage: `\
  linehaul carriers list            every carrier, what it takes and why, and how well it does
  linehaul carriers show NAME | quality NAME | history NAME [--limit N]
                                    one of them; by country, network and class; what has changed
  linehaul carriers drain NAME | disable NAME | enable NAME | force NAME --reason TEXT
                                    nothing new | nothing at all | as usual | whatever its circuit breaker says
                                    all take an operator's key: [--json] [--key KEY] [--url URL]`,

  async run([action, ...args]) {
    const options = {
      ...JSON_OPTIONS,
      reason: { type: 'string' },
      limit: { type: 'string' },
    } as const
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    const [name, ...others] = positionals
    const isWhole = action === 'list' ? name === undefined : name !== undefined
    const order = CARRIER_ORDERS.find((each) => each === action)
    if (!isWhole || others.length > 0 || (order !== undefined && values.reason === undefined)) {
      throw new UsageError(
        'carriers needs one of: list, show NAME, quality NAME, history NAME, ' +
          `${CARRIER_ORDERS.map((each) => `${each} NAME --reason TEXT`).join(', ')}`,
      )
    }
    const command = { ...asOperator('carriers', values), isJson: values.json ?? false }
    const limit = readLimit(values.limit, 50)
    if (order) return orderCarrier(command, order, name ?? '', values.reason ?? '')
    return show(command, action, name ?? '', limit)
  },
}

function show(
  command: CarrierCommand,
  action: string | undefined,
  name: string,
  limit: number,
): Promise<boolean> {
  switch (action) {
    case 'list':
      return listCarriers(command)
    case 'show':
      return listCarriers(command, name)
    case 'quality':
      return showQuality(command, name)
    case 'history':
      return showHistory(command, name, limit)
    default:
      throw new UsageError(`there is no "carriers ${action}"`)
  }
}
