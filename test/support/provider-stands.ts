import type { RefusalReason } from '../../src/sandbox/provider-desk.ts'
import type { ProviderSimulator } from '../../src/sandbox/provider-server.ts'
import { aliyunSimulator } from '../../src/sandbox/providers/aliyun.ts'
import { baiduSimulator } from '../../src/sandbox/providers/baidu.ts'
import { chuanglanSimulator } from '../../src/sandbox/providers/chuanglan.ts'
import { cloopenSimulator } from '../../src/sandbox/providers/cloopen.ts'
import { huaweiSimulator } from '../../src/sandbox/providers/huawei.ts'
import { jiguangSimulator } from '../../src/sandbox/providers/jiguang.ts'
import { neteaseSimulator } from '../../src/sandbox/providers/netease.ts'
import { tencentSimulator } from '../../src/sandbox/providers/tencent.ts'
import { twilioSimulator } from '../../src/sandbox/providers/twilio.ts'
import { zhangrongSimulator } from '../../src/sandbox/providers/zhangrong.ts'
import { exampleSettings } from '../providers/generic-examples.ts'

/** One provider as the integration tests have it: the simulated side, and what a carrier there is set with. */
export interface ProviderStand {
  readonly provider: string
  readonly simulator: ProviderSimulator
  /** The account in the configuration. */
  readonly account: (endpoint: string) => Readonly<Record<string, unknown>>
  /** Other keys of the carrier. */
  readonly keys?: Readonly<Record<string, unknown>>
  /** What it can do beyond sending. */
  readonly can: {
    readonly push: boolean
    /** Reports are fetched in a row, or asked for message by message. */
    readonly pull: 'queue' | 'query' | 'none'
    readonly inbound: 'push' | 'pull' | 'none'
    readonly balance: boolean
    /** Its callbacks are signed. */
    readonly signs: boolean
  }
  /** A refusal that it has a code for, and ours for it; left out: a number that opted out. */
  readonly refusal?: readonly [reason: RefusalReason, ours: string]
  /** True where it documents no code for an account that is too fast. */
  readonly hasNoPace?: boolean
  /** A code of a receipt that says a message is lost, and ours for it. */
  readonly lost: readonly [code: string, ours: string]
}

const SID = `AC${'a'.repeat(32)}`

/** Every provider. */
export const PROVIDER_STANDS: readonly ProviderStand[] = [
  {
    provider: 'aliyun',
    simulator: aliyunSimulator({ accessKeyId: 'example-key', accessKeySecret: 'example-secret' }),
    account: (endpoint) => ({
      endpoint,
      access_key_id: 'example-key',
      access_key_secret: 'example-secret',
    }),
    keys: { sign: '阿里云', text_template: { id: 'SMS_154950909', variable: 'text' } },
    can: { push: true, pull: 'query', inbound: 'push', balance: false, signs: false },
    lost: ['MOBILE_IN_BLACK', 'recipient_opted_out'],
  },
  {
    provider: 'tencent',
    simulator: tencentSimulator({
      secretId: 'example-id',
      secretKey: 'example-key',
      smsSdkAppId: '1400006666',
    }),
    account: (endpoint) => ({
      endpoint,
      secret_id: 'example-id',
      secret_key: 'example-key',
      sms_sdk_app_id: '1400006666',
    }),
    keys: { sign: '腾讯云', text_template: { id: '1110', variable: 'text' } },
    can: { push: true, pull: 'queue', inbound: 'pull', balance: true, signs: false },
    lost: ['MK:100D', 'recipient_opted_out'],
  },
  {
    provider: 'twilio',
    simulator: twilioSimulator({ accountSid: SID, authToken: 'example_auth_token' }),
    account: (endpoint) => ({ endpoint, account_sid: SID, auth_token: 'example_auth_token' }),
    can: { push: true, pull: 'query', inbound: 'push', balance: true, signs: true },
    lost: ['30005', 'recipient_unknown'],
  },
  {
    provider: 'baidu',
    simulator: baiduSimulator({
      accessKeyId: 'example-key',
      secretAccessKey: 'example-secret',
      callbackToken: 'example-token',
    }),
    account: (endpoint) => ({
      endpoint,
      access_key_id: 'example-key',
      secret_access_key: 'example-secret',
      callback_token: 'example-token',
    }),
    keys: { sign: 'sms-sign-1', text_template: { id: 'sms-tmpl-1', variable: 'text' } },
    can: { push: true, pull: 'none', inbound: 'push', balance: true, signs: true },
    lost: ['B:00010', 'destination_invalid'],
  },
  {
    provider: 'huawei',
    simulator: huaweiSimulator({
      appKey: 'example-key',
      appSecret: 'example-secret',
      channels: ['8824110605000'],
    }),
    account: (endpoint) => ({
      endpoint,
      app_key: 'example-key',
      app_secret: 'example-secret',
      channel: '8824110605000',
    }),
    keys: { text_template: { id: 'template-1', variable: 'text' } },
    can: { push: true, pull: 'none', inbound: 'push', balance: false, signs: false },
    hasNoPace: true,
    lost: ['MBBLACK', 'recipient_opted_out'],
  },
  {
    provider: 'netease',
    simulator: neteaseSimulator({ appKey: 'example-key', appSecret: 'example-secret' }),
    account: (endpoint) => ({ endpoint, app_key: 'example-key', app_secret: 'example-secret' }),
    keys: { text_template: { id: '3057527', variable: 'text' } },
    // A question about one message says that it was submitted, never that it has arrived.
    can: { push: true, pull: 'none', inbound: 'push', balance: false, signs: true },
    lost: ['UNDELIV', 'undeliverable'],
  },
  {
    provider: 'cloopen',
    simulator: cloopenSimulator({
      accountSid: 'example-sid',
      authToken: 'example-token',
      appId: 'app-1',
      callbackFormat: 'json',
    }),
    account: (endpoint) => ({
      endpoint,
      account_sid: 'example-sid',
      auth_token: 'example-token',
      app_id: 'app-1',
    }),
    keys: { text_template: { id: '1', variable: 'text' } },
    can: { push: true, pull: 'none', inbound: 'push', balance: true, signs: false },
    lost: ['UNDELIV', 'undeliverable'],
  },
  {
    provider: 'jiguang',
    simulator: jiguangSimulator({ appKey: 'example-key', masterSecret: 'example-secret' }),
    account: (endpoint) => ({
      endpoint: `${endpoint}/v1`,
      app_key: 'example-key',
      master_secret: 'example-secret',
    }),
    keys: { sign: '101', text_template: { id: '1', variable: 'text' } },
    can: { push: true, pull: 'none', inbound: 'push', balance: true, signs: true },
    lost: ['4002', 'recipient_opted_out'],
  },
  {
    provider: 'chuanglan',
    simulator: chuanglanSimulator({
      account: 'N0000000',
      password: 'example-password',
      receiver: 'admin',
      pswd: '12345',
    }),
    account: (endpoint) => ({
      endpoint,
      account: 'N0000000',
      password: 'example-password',
      push_receiver: 'admin',
      push_password: '12345',
    }),
    keys: { sign: '253' },
    refusal: ['content', 'content_rejected'],
    can: { push: true, pull: 'queue', inbound: 'push', balance: true, signs: true },
    lost: ['UNDELIV', 'undeliverable'],
  },
  {
    provider: 'zhangrong',
    simulator: zhangrongSimulator({
      accessKey: 'example-key',
      secret: 'example-secret',
      pushes: 'urlencoded',
    }),
    account: (endpoint) => ({
      endpoint,
      access_key: 'example-key',
      access_secret: 'example-secret',
    }),
    keys: { sign: '掌榕网', text_template: { id: '12345', variable: 'text' } },
    can: { push: true, pull: 'queue', inbound: 'none', balance: false, signs: false },
    hasNoPace: true,
    lost: ['UNDELIV', 'undeliverable'],
  },
  {
    // As the guide describes Twilio.
    provider: 'generic',
    simulator: twilioSimulator({ accountSid: SID, authToken: 'example_auth_token' }),
    account: (endpoint) => ({
      ...exampleSettings('Twilio', {
        TWILIO_ACCOUNT_SID: SID,
        TWILIO_AUTH_TOKEN: 'example_auth_token',
      }),
      endpoint: `${endpoint}/2010-04-01`,
    }),
    can: { push: true, pull: 'none', inbound: 'push', balance: true, signs: true },
    lost: ['UNDELIV', 'undeliverable'],
  },
]
