import { execFile, execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder } from './gateway.ts'

/** One packet as tshark dissects it. */
export interface Dissected {
  readonly source: string
  readonly destination: string
  /** Relative to nothing: as they stand in the TCP header. */
  readonly sequence: number
  readonly acknowledged: number
  /** The topmost protocol. */
  readonly protocol: string
  /** `command_id` of each PDU that ends in this packet. */
  readonly commands: readonly number[]
  readonly isMalformed: boolean
  /** What the expert says of it, warnings and errors only. */
  readonly complaints: readonly string[]
}

const FIELDS = [
  'ip.src',
  'ipv6.src',
  'tcp.srcport',
  'ip.dst',
  'ipv6.dst',
  'tcp.dstport',
  'tcp.seq_raw',
  'tcp.ack_raw',
  '_ws.col.Protocol',
  'smpp.command_id',
  '_ws.malformed',
  '_ws.expert.severity',
  '_ws.expert.message',
] as const

/** The expert's severities from warning on: epan/proto.h. */
const WARNING = 0x600000

/** True where tshark is installed; with LINEHAUL_TEST_TSHARK=required it must be. */
export const hasTshark: boolean = (() => {
  try {
    execFileSync('tshark', ['--version'], { stdio: 'ignore' })
    return true
  } catch (cause) {
    if (process.env.LINEHAUL_TEST_TSHARK !== 'required') return false
    throw new Error('tshark is required and does not run', { cause })
  }
})()

/** Has tshark read a capture in which a port is SMPP's; checksums are verified. */
export async function dissect(pcap: Buffer, port: number): Promise<Dissected[]> {
  const folder = await temporaryFolder()
  try {
    const file = join(folder.path, 'test.pcap')
    await writeFile(file, pcap)
    const { stdout } = await promisify(execFile)(
      'tshark',
      [
        ...['-r', file, '-d', `tcp.port==${port},smpp`, '-T', 'fields'],
        ...['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'],
        ...['-E', 'separator=/t', '-E', 'aggregator=|'],
        ...FIELDS.flatMap((field) => ['-e', field]),
      ],
      { maxBuffer: 64 * 1024 * 1024 },
    )
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [dissected(line)]))
  } finally {
    await folder.remove()
  }
}

function dissected(line: string): Dissected {
  const cells = line.split('\t')
  const cell = (name: (typeof FIELDS)[number]) => cells[FIELDS.indexOf(name)] ?? ''
  const list = (name: (typeof FIELDS)[number]) => cell(name).split('|').filter(Boolean)
  const severities = list('_ws.expert.severity').map(Number)
  const messages = list('_ws.expert.message')
  return {
    source: `${cell('ip.src')}${cell('ipv6.src')} ${cell('tcp.srcport')}`,
    destination: `${cell('ip.dst')}${cell('ipv6.dst')} ${cell('tcp.dstport')}`,
    sequence: Number(cell('tcp.seq_raw')),
    acknowledged: Number(cell('tcp.ack_raw')),
    protocol: cell('_ws.col.Protocol'),
    commands: list('smpp.command_id').map(Number),
    isMalformed: cell('_ws.malformed') !== '',
    complaints: messages.filter((_, index) => (severities[index] ?? 0) >= WARNING),
  }
}
