import { aliyun } from './aliyun.ts'
import { baidu } from './baidu.ts'
import { chuanglan } from './chuanglan.ts'
import { cloopen } from './cloopen.ts'
import { dingtalk } from './dingtalk.ts'
import { generic } from './generic.ts'
import { huawei } from './huawei.ts'
import { jiguang } from './jiguang.ts'
import { netease } from './netease.ts'
import type { Provider } from './provider.ts'
import { tencent } from './tencent.ts'
import { twilio } from './twilio.ts'
import { webhook } from './webhook.ts'
import { wecom } from './wecom.ts'
import { zhangrong } from './zhangrong.ts'

/** Every provider; `docs/providers.md` lists them in this order. */
export const PROVIDERS: readonly Provider[] = [
  aliyun,
  tencent,
  baidu,
  huawei,
  netease,
  cloopen,
  jiguang,
  chuanglan,
  zhangrong,
  twilio,
  generic,
  wecom,
  dingtalk,
  webhook,
]

/** The provider of that name. */
export function providerNamed(name: string): Provider | undefined {
  return PROVIDERS.find((provider) => provider.name === name)
}
