import { createRequire } from 'node:module'
import { decodeText } from '../src/encoding/data-coding.ts'
import {
  countSegments,
  encodeSegments,
  type PlanOptions,
  planText,
} from '../src/encoding/segment.ts'
import { type BenchRow, compare } from './harness.ts'

/** What we use of the npm package `smpp`, which has no types. */
interface SmppEncodings {
  detect(text: string): 'ASCII' | 'LATIN1' | 'UCS2'
  ASCII: SmppEncoding
  LATIN1: SmppEncoding
  UCS2: SmppEncoding
}

interface SmppEncoding {
  encode(text: string): Buffer
  decode(octets: Buffer): string
}

const { encodings } = createRequire(import.meta.url)('smpp') as { encodings: SmppEncodings }

export const subject = 'segment'

const BATCH = 200
const GSM_160 = 'Your code is 493021. It is valid for 10 minutes. Do not share it! '
  .repeat(3)
  .slice(0, 160)
const TEXTS = {
  'GSM-7, 160 characters': GSM_160,
  'GSM-7 with escapes, 160 septets': `[${GSM_160.slice(0, 152)}] {€}`.slice(0, 155),
  'GSM-7, 918 characters (6 segments)': GSM_160.repeat(6).slice(0, 918),
  'UCS-2, 70 code units':
    'Ваш код: 493021. Никому его не сообщайте. Он действует 10 минут. Спасибо'.slice(0, 70),
  'UCS-2 with emoji, 402 code units (6 segments)': 'Скидка 🎉 до 50 % на всё 😀 '
    .repeat(16)
    .slice(0, 402),
}

/**
 * The baseline is the npm package `smpp` 0.5.1: its own detection and encoding (`smpp.encodings`). It
 * does not split texts, so the baseline cuts a long one the plain way, every 153 characters or 67
 * code units without a look at escapes or surrogate pairs, and puts a header in front of each part.
 */
function encodeWithSmpp(text: string): Buffer[] {
  const name = encodings.detect(text)
  const encoding = encodings[name]
  const [single, part] = name === 'UCS2' ? [70, 67] : [160, 153]
  if (text.length <= single) return [encoding.encode(text)]
  const total = Math.ceil(text.length / part)
  const parts: Buffer[] = []
  for (let sequence = 1; sequence <= total; sequence++) {
    const header = Buffer.from([5, 0, 3, 42, total, sequence])
    const body = encoding.encode(text.slice((sequence - 1) * part, sequence * part))
    parts.push(Buffer.concat([header, body]))
  }
  return parts
}

/** Keeps a result in use, so that the work which made it cannot be left out. */
let kept = 0

function batchOf(work: () => number): () => number {
  return () => {
    for (let index = 0; index < BATCH; index++) kept += work()
    return BATCH
  }
}

/** Measures planning, encoding, counting and decoding of texts against the npm package `smpp`. */
export async function run(options: {
  rounds: number
  secondsPerRound: number
}): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const [name, text] of Object.entries(TEXTS)) {
    rows.push(
      compare(
        `plan + encode: ${name}`,
        'texts/s',
        batchOf(() => encodeSegments(planText(text), 42).length),
        batchOf(() => encodeWithSmpp(text).length),
        options,
      ),
    )
  }
  const turkish: PlanOptions = { lockingShift: 1, singleShift: 1 }
  const turkishText = 'Değerli müşterimiz, şifreniz 493021. Kimseyle paylaşmayınız. '
  rows.push(
    compare(
      'plan + encode: Turkish tables, 61 characters',
      'texts/s',
      batchOf(() => encodeSegments(planText(turkishText, turkish), 42).length),
      null,
      options,
    ),
  )
  for (const [name, text] of Object.entries(TEXTS)) {
    rows.push(
      compare(
        `count segments: ${name}`,
        'texts/s',
        batchOf(() => countSegments(text)),
        null,
        options,
      ),
    )
  }
  const septets = encodings.ASCII.encode(GSM_160)
  rows.push(
    compare(
      'decode: GSM-7, 160 characters',
      'texts/s',
      batchOf(() => decodeText(septets, 0).text?.length ?? 0),
      batchOf(() => encodings.ASCII.decode(septets).length),
      options,
    ),
  )
  const ucs2 = encodings.UCS2.encode(TEXTS['UCS-2, 70 code units'])
  rows.push(
    compare(
      'decode: UCS-2, 70 code units',
      'texts/s',
      batchOf(() => decodeText(ucs2, 8).text?.length ?? 0),
      batchOf(() => encodings.UCS2.decode(ucs2).length),
      options,
    ),
  )
  if (!Number.isFinite(kept)) throw new Error('the results were lost')
  return rows
}
