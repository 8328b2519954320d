import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { environmentFor, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { GatewayProcess } from '../support/gateway-process.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

const MIB = 2 ** 20

/** What the process holds, in MiB. */
export interface Memory {
  readonly residentMiB: number
  readonly heapMiB: number
}

/** A gateway in a process of its own, with a well-behaved carrier behind it. */
export class GatewayUnderAttack {
  readonly smppPort: number
  readonly carrier: SmppPeer
  readonly #url: string
  readonly #undo: () => Promise<void>

  private constructor(
    carrier: SmppPeer,
    ports: { readonly http: number; readonly smpp: number },
    undo: () => Promise<void>,
  ) {
    this.carrier = carrier
    this.smppPort = ports.smpp
    this.#url = `http://127.0.0.1:${ports.http}`
    this.#undo = undo
  }

  /** Starts it with the contract's partner and one named `traitor`. */
  static async start(): Promise<GatewayUnderAttack> {
    const folder = await temporaryFolder()
    const carrier = await SmppPeer.listen()
    const file = join(folder.path, 'linehaul.yaml')
    const config = JSON.parse(yamlFor({ name: 'alpha', port: carrier.port }))
    config.partners.push({ system_id: 'traitor', password: 'pw2', tenant: 'other', max_binds: 0 })
    await writeFile(file, JSON.stringify(config))
    const process = new GatewayProcess(['serve'], {
      cwd: folder.path,
      env: environmentFor(folder.path, { LINEHAUL_CONFIG: file }),
    })
    const undo = async () => {
      await process.stop()
      await carrier.close()
      await folder.remove()
    }
    const [, http] = await process.says(/HTTP API +http:\/\/[^ ]*:(\d+)/)
    const [, smpp] = await process.says(/SMPP +[^ ]*:(\d+)/)
    const ports = { http: Number(http), smpp: Number(smpp) }
    return new GatewayUnderAttack(carrier, ports, undo)
  }

  /** From its metrics; fails when the process has died. */
  async memory(): Promise<Memory> {
    const metrics = await (await fetch(`${this.#url}/metrics`)).text()
    const read = (name: string) => {
      const value = new RegExp(`^${name} (\\S+)`, 'm').exec(metrics)?.[1]
      if (value === undefined) throw new Error(`the gateway tells no ${name}`)
      return Number(value) / MIB
    }
    return {
      residentMiB: read('process_resident_memory_bytes'),
      heapMiB: read('nodejs_heap_size_used_bytes'),
    }
  }

  async close(): Promise<void> {
    await this.#undo()
  }
}
