import { fileURLToPath } from 'node:url'
import type { HttpLoadCommand, HttpLoadReport } from '../load/http-load.ts'
import type { HelloCommand, HelloReport } from '../load/message.ts'
import type { PartnerCommand, PartnerReport } from '../load/partner-load.ts'
import type { SinkCommand, SinkReport } from '../load/sink.ts'
import type { SmscCommand, SmscReport } from '../load/smsc.ts'
import { Child } from '../support/child.ts'

/** What stands around the gateway measured, each a process of its own. */
export interface Stage {
  readonly smsc: Child<SmscCommand, SmscReport>
  readonly sink: Child<SinkCommand, SinkReport>
  readonly load: Child<HttpLoadCommand, HttpLoadReport>
  readonly partner: Child<PartnerCommand, PartnerReport>
  readonly smscPort: number
  readonly sinkPort: number
  readonly receiptWindow: number
  /** Process ids by name, for the processor times. */
  readonly pids: Readonly<Record<'smsc' | 'sink' | 'load' | 'partner', number>>
  end(): void
}

/** Starts the processes; `receiptWindow` is how many receipts the SMSC leaves unanswered a bind. */
export async function openStage(receiptWindow: number): Promise<Stage> {
  const children: { end(): void }[] = []
  const child = <Command extends object, Report extends { readonly type: string }>(
    name: string,
  ): Child<Command, Report> => {
    const path = fileURLToPath(new URL(`../load/${name}.ts`, import.meta.url))
    const started = new Child<Command, Report>(name, path)
    children.push(started)
    return started
  }
  const end = () => {
    for (const one of children) one.end()
  }
  try {
    const smsc = child<SmscCommand, SmscReport>('smsc')
    const sink = child<SinkCommand, SinkReport>('sink')
    const load = child<HttpLoadCommand, HttpLoadReport>('http-load')
    const partner = child<PartnerCommand, PartnerReport>('partner-load')
    const listening = await smsc.ask({ type: 'listen', port: 0, receiptWindow }, 'listening')
    const sinking = await sink.ask({ type: 'listen' }, 'listening')
    const pids = {
      smsc: await pidOf(smsc),
      sink: await pidOf(sink),
      load: await pidOf(load),
      partner: await pidOf(partner),
    }
    return {
      smsc,
      sink,
      load,
      partner,
      smscPort: listening.port,
      sinkPort: sinking.port,
      receiptWindow,
      pids,
      end,
    }
  } catch (error) {
    end()
    throw error
  }
}

async function pidOf(child: {
  ask(command: HelloCommand, type: 'hello'): Promise<HelloReport>
}): Promise<number> {
  return (await child.ask({ type: 'hello' }, 'hello')).pid
}
