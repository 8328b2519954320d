import type { Channel } from '../core/channel.ts'
import { GatewayError } from '../core/errors.ts'
import {
  type FilledTemplate,
  fillTemplate,
  type MessageTemplate,
} from '../core/message-template.ts'

/** A template and who may use it. */
export interface TenantTemplate extends MessageTemplate {
  /** Undefined: every tenant. */
  readonly tenantIds: ReadonlySet<string> | undefined
}

/** The templates that messages may be made from. */
export class Templates {
  #byId: ReadonlyMap<string, TenantTemplate>

  constructor(templates: readonly TenantTemplate[]) {
    this.#byId = byId(templates)
  }

  /** Goes by others from now on; what was accepted keeps its text. */
  replace(templates: readonly TenantTemplate[]): void {
    this.#byId = byId(templates)
  }

  /**
   * What a tenant's message is to say by a channel.
   *
   * @throws {GatewayError} `template_unknown`, also for a template of others; what {@link fillTemplate} throws
   */
  fill(
    tenantId: string,
    id: string,
    channel: Channel,
    variables: Readonly<Record<string, string>>,
  ): FilledTemplate {
    const template = this.#byId.get(id)
    if (!template || template.tenantIds?.has(tenantId) === false) {
      throw new GatewayError('template_unknown', `there is no template ${JSON.stringify(id)}`, {
        pointer: '/template',
      })
    }
    return fillTemplate(template, channel, variables)
  }
}

function byId(templates: readonly TenantTemplate[]): ReadonlyMap<string, TenantTemplate> {
  return new Map(templates.map((template) => [template.id, template]))
}
