import type { FailureCode } from '../core/failure-code.ts'
import {
  classifyError,
  type ErrorRow,
  type ErrorTable,
  errorInfo,
  knownFailure,
  type ProviderErrorInfo,
  type RawError,
} from './provider-error.ts'

export const ALIYUN_ERRORS: ErrorTable = {
  'isv.BUSINESS_LIMIT_CONTROL': ['rate_limit', false],
  'isv.DAY_LIMIT_CONTROL': ['rate_limit', false, 'carrier_quota_exceeded'],
  'isv.MONTH_LIMIT_CONTROL': ['rate_limit', false, 'carrier_quota_exceeded'],
  Throttling: ['rate_limit', true],
  'Throttling.Api': ['rate_limit', true],
  'Throttling.User': ['rate_limit', true],
  'isv.MOBILE_NUMBER_ILLEGAL': ['invalid', false, 'destination_invalid'],
  'isv.MOBILE_COUNT_OVER_LIMIT': ['invalid', false],
  'isv.SMS_SIGNATURE_ILLEGAL': ['invalid', false, 'sender_invalid'],
  'isv.SMS_SIGN_ILLEGAL': ['invalid', false, 'sender_invalid'],
  'isv.SIGN_STATE_ILLEGAL': ['invalid', false, 'sender_invalid'],
  'isv.SMS_SIGNATURE_SCENE_ILLEGAL': ['invalid', false, 'sender_invalid'],
  'isv.EXTEND_CODE_ERROR': ['invalid', false, 'sender_invalid'],
  'isv.SMS_TEMPLATE_ILLEGAL': ['invalid', false, 'content_invalid'],
  'isv.TEMPLATE_MISSING_PARAMETERS': ['invalid', false, 'content_invalid'],
  'isv.TEMPLATE_PARAMS_ILLEGAL': ['invalid', false, 'content_invalid'],
  'isv.INVALID_JSON_PARAM': ['invalid', false, 'content_invalid'],
  'isv.PARAM_LENGTH_LIMIT': ['invalid', false, 'content_invalid'],
  'isv.INVALID_PARAMETERS': ['invalid', false],
  'isv.DOMESTIC_NUMBER_NOT_SUPPORTED': ['invalid', false, 'destination_unsupported'],
  'isv.SMS_TEST_NUMBER_LIMIT': ['invalid', false, 'destination_unsupported'],
  'isv.BLACK_KEY_CONTROL_LIMIT': ['content_rejected', false],
  'isv.SMS_CONTENT_ILLEGAL': ['content_rejected', false],
  'isv.PARAM_NOT_SUPPORT_URL': ['content_rejected', false],
  'isv.AMOUNT_NOT_ENOUGH': ['balance', false],
  'isv.OUT_OF_SERVICE': ['balance', false],
  'isv.PRODUCT_UN_SUBSCRIPT': ['auth', false],
  'isv.PRODUCT_UNSUBSCRIBE': ['auth', false],
  'isv.ACCOUNT_NOT_EXISTS': ['auth', false],
  'isv.ACCOUNT_ABNORMAL': ['auth', false],
  'isp.RAM_PERMISSION_DENY': ['auth', false],
  'isv.DENY_IP_RANGE': ['auth', false],
  SignatureDoesNotMatch: ['auth', false],
  'InvalidAccessKeyId.NotFound': ['auth', false],
  'InvalidTimeStamp.Expired': ['auth', true],
  // The first copy of the request may have been taken: nothing is sent again because of it.
  SignatureNonceUsed: ['auth', false],
  'isp.SYSTEM_ERROR': ['provider', true],
  ServiceUnavailable: ['provider', true],
  InternalError: ['provider', true],

  // Words of receipts. Those of the networks (`UNDELIV`, `MK:0001`) are judged by their form.
  CONTENT_ERROR: ['content_rejected', false],
  CONTENT_KEYWORD: ['content_rejected', false],
  // Switched off, suspended, out of reach or no number at all: these two do not say which.
  INVALID_NUMBER: ['invalid', false, 'undeliverable'],
  MOBILE_NOT_ON_SERVICE: ['invalid', false, 'undeliverable'],
  IS_CLOSE: ['provider', true],
  MBBLACK: ['unsubscribed', false],
  MOBILE_IN_BLACK: ['unsubscribed', false],
  USER_REJECT: ['unsubscribed', false],
  MOBILE_ACCOUNT_ABNORMAL: ['invalid', false, 'recipient_barred'],
  MOBILE_SEND_LIMIT: ['rate_limit', false],
  // The misspelling is Aliyun's.
  MOBLLE_TERMINAL_ERROR: ['provider', true, 'undeliverable'],
  NO_ROUTE: ['invalid', false, 'destination_unsupported'],
  PORT_NOT_REGISTERED: ['invalid', false, 'sender_invalid'],
  SP_NOT_BY_INTER_SMS: ['invalid', false, 'recipient_barred'],
}

/** One message a minute to one number: the only window of that code that passes soon enough. */
const MINUTE_LIMIT: ErrorRow = ['rate_limit', true, 'recipient_limit']
const SAYS_MINUTE_LIMIT = /触发分钟级流控/

/** What an error of Aliyun means. */
export function classifyAliyun(error: RawError): ProviderErrorInfo {
  return error.code === 'isv.BUSINESS_LIMIT_CONTROL' && SAYS_MINUTE_LIMIT.test(error.text)
    ? errorInfo(MINUTE_LIMIT)
    : classifyError(ALIYUN_ERRORS, error)
}

/** What the code of a receipt means; null where only its form says something. */
export function aliyunFailure(code: string): FailureCode | null {
  return knownFailure(ALIYUN_ERRORS, code)
}
