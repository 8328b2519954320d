import { expect, it } from 'vitest'
import { aliyun } from '../../src/providers/aliyun.ts'
import { baidu } from '../../src/providers/baidu.ts'
import { chuanglan } from '../../src/providers/chuanglan.ts'
import { huawei } from '../../src/providers/huawei.ts'
import { netease } from '../../src/providers/netease.ts'
import type { Callbacks, ProviderReceipt } from '../../src/providers/provider.ts'
import { tencent } from '../../src/providers/tencent.ts'
import { twilio } from '../../src/providers/twilio.ts'

/** What every object has without anybody having put it there is in none of the tables. */

const WORDS = ['constructor', '__proto__', 'toString', 'hasOwnProperty']

const post = (body: string, url = 'https://gateway.example/callback/delivery') => ({
  method: 'POST' as const,
  kind: 'delivery' as const,
  url,
  headers: {},
  body: Buffer.from(body),
})

type Read = (word: string) => Promise<ProviderReceipt | null | undefined>

const told = async (reports: ReturnType<Callbacks['read']> | undefined) =>
  (await reports)?.receipts[0]

const accounts = {
  aliyun: aliyun.open(aliyun.settings.parse({ access_key_id: 'a', access_key_secret: 'b' })),
  baidu: baidu.open(baidu.settings.parse({ access_key_id: 'a', secret_access_key: 'b' })),
  chuanglan: chuanglan.open(chuanglan.settings.parse({ account: 'a', password: 'b' })),
  huawei: huawei.open(huawei.settings.parse({ app_key: 'a', app_secret: 'b', channel: '1' })),
  netease: netease.open(netease.settings.parse({ app_key: 'a', app_secret: 'b' })),
  tencent: tencent.open(
    tencent.settings.parse({ secret_id: 'a', secret_key: 'b', sms_sdk_app_id: '1400006666' }),
  ),
  twilio: twilio.open(
    twilio.settings.parse({ account_sid: `AC${'a'.repeat(32)}`, auth_token: 'b' }),
  ),
}
const SENT = { providerId: 'id', to: '+8613800138000', sentAt: new Date(0) }
const answer = (body: object) => ({ status: 200, headers: {}, body: JSON.stringify(body) })

const cases: [string, ProviderReceipt['status'] | null, Read][] = [
  [
    'aliyun',
    'pending',
    async (word) => {
      const detail = { PhoneNum: '13800138000', SendStatus: word, ErrCode: word }
      const body = { Code: 'OK', SmsSendDetailDTOs: { SmsSendDetailDTO: [detail] } }
      return accounts.aliyun.query?.read(answer(body), SENT)
    },
  ],
  [
    'baidu',
    'pending',
    (word) => {
      const report = { messageId: 'id', code: word, carrierCode: word }
      return told(accounts.baidu.callbacks?.read(post(JSON.stringify(report))))
    },
  ],
  [
    'chuanglan',
    'failed',
    (word) => {
      const query = new URLSearchParams({ msgid: 'id', mobile: '13800138000', status: word })
      const url = `https://gateway.example/callback/delivery?${query}`
      return told(accounts.chuanglan.callbacks?.read({ ...post('', url), method: 'GET' }))
    },
  ],
  [
    'huawei',
    'failed',
    (word) => {
      const body = new URLSearchParams({ smsMsgId: 'id', status: word }).toString()
      return told(accounts.huawei.callbacks?.read(post(body)))
    },
  ],
  [
    'netease',
    null,
    async (word) => {
      const row = { mobile: '13800138000', status: word }
      return accounts.netease.query?.read(answer({ code: 200, obj: [row] }), SENT)
    },
  ],
  [
    'tencent',
    'pending',
    (word) => {
      const report = { sid: 'id', report_status: word, errmsg: word }
      return told(accounts.tencent.callbacks?.read(post(JSON.stringify([report]))))
    },
  ],
  [
    'twilio',
    'pending',
    (word) => {
      const body = new URLSearchParams({ MessageSid: 'id', MessageStatus: word, ErrorCode: word })
      return told(accounts.twilio.callbacks?.read(post(body.toString())))
    },
  ],
]

it.each(cases.flatMap((each) => WORDS.map((word) => [...each, word] as const)))(
  '%s reads it as %s',
  async (_provider, status, read, word) => {
    const receipt = await read(word)
    if (status === null) expect(receipt).toBeNull()
    else expect(receipt).toMatchObject({ status, failure: null })
  },
)
