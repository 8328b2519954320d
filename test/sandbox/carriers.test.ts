import smpp from 'smpp'
import { afterEach, describe, expect, it } from 'vitest'
import { SANDBOX_CARRIERS, type Sandbox, startSandbox } from '../../src/sandbox/carriers.ts'
import { readFaults } from '../../src/sandbox/fault-file.ts'
import { Esme } from './esme.ts'

let sandbox: Sandbox | undefined

afterEach(async () => {
  await sandbox?.close()
  sandbox = undefined
})

function exchange(port: number, to: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const session = smpp.connect({ host: '127.0.0.1', port })
    session.on('error', reject)
    session.on('deliver_sm', (pdu) => {
      session.send(pdu.response())
      session.close()
      resolve(String(pdu.short_message.message))
    })
    session.on('connect', () => {
      session.bind_transceiver({ system_id: 'linehaul', password: 'sandbox' }, () => {
        session.submit_sm({ destination_addr: to, registered_delivery: 1, short_message: 'Hi' })
      })
    })
  })
}

/** What the carriers answer to a submit each, one after the other. */
async function statuses({ carriers }: Sandbox): Promise<number[]> {
  const found: number[] = []
  for (const { port, systemId, password } of carriers) {
    const esme = await Esme.connect(port)
    await esme.request('bind_transmitter', { system_id: systemId, password })
    found.push((await esme.submit('447700900123')).command_status)
    await esme.close()
  }
  return found
}

describe('startSandbox', () => {
  it('starts three carriers whose settings lead to them', async () => {
    sandbox = await startSandbox()
    const { carriers } = sandbox
    expect(carriers.map(({ name }) => name)).toEqual([
      'sandbox-europe',
      'sandbox-asia',
      'sandbox-global',
    ])
    expect(new Set(carriers.map(({ port }) => port)).size).toBe(3)
    const receipts = await Promise.all(
      carriers.map(({ port }, index) => exchange(port, `44770${index}999007`)),
    )
    for (const receipt of receipts) expect(receipt).toContain('stat:DELIVRD')
  })

  it('has the rates that the guides speak of', async () => {
    sandbox = await startSandbox()
    const price = (carrier: number, prefix: string) =>
      sandbox?.carriers[carrier]?.rates.find((rate) => rate.prefix === prefix)
    expect(price(0, '44')).toEqual({ prefix: '44', price: '0.0350', currency: 'EUR' })
    expect(price(0, '353')).toBeDefined()
    expect(price(0, '86')).toBeUndefined()
    expect(price(1, '86')).toEqual({ prefix: '86', price: '0.0210', currency: 'EUR' })
    expect(price(2, '')).toEqual({ prefix: '', price: '0.0600', currency: 'EUR' })
    for (const { rates } of sandbox.carriers) {
      expect(new Set(rates.map(({ prefix }) => prefix)).size).toBe(rates.length)
    }
  })

  it('has the carriers count together where a script says so', async () => {
    const script =
      '{"*":[{"fault":"refuse","status":8,"times":1}],"sandbox-asia":[{"fault":"throttle"}]}'
    sandbox = await startSandbox({ faults: readFaults(script, SANDBOX_CARRIERS) })
    expect(await statuses(sandbox)).toEqual([8, 0x58, 0])
  })

  it('takes fixed ports, and leaves nothing open when one is taken', async () => {
    sandbox = await startSandbox()
    const [taken] = sandbox.carriers
    await expect(startSandbox({ ports: [0, 0, taken!.port] })).rejects.toThrow(/EADDRINUSE/)
    const { port } = taken!
    await sandbox.close()
    sandbox = await startSandbox({ ports: [0, port, 0] })
    expect(sandbox.carriers[1]?.port).toBe(port)
  })
})
