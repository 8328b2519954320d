CREATE TABLE "attempts" (
	"message_id" uuid NOT NULL,
	"attempt" smallint NOT NULL,
	"segment" smallint NOT NULL,
	"carrier" text NOT NULL,
	"state" text NOT NULL,
	"carrier_message_id" text,
	"match_key" text,
	"code" text,
	"raw_code" text,
	"submitted_at" timestamp with time zone NOT NULL,
	"answered_at" timestamp with time zone,
	"receipt_at" timestamp with time zone,
	"open_parts" text,
	"cost_micros" bigint NOT NULL,
	"cost_currency" text NOT NULL,
	"carrier_deck_version" integer NOT NULL,
	"is_uncertain" boolean GENERATED ALWAYS AS (state = 'uncertain') STORED NOT NULL,
	CONSTRAINT "attempts_message_id_attempt_segment_pk" PRIMARY KEY("message_id","attempt","segment")
);
--> statement-breakpoint
CREATE TABLE "audit_anchor" (
	"id" integer PRIMARY KEY DEFAULT 1 NOT NULL,
	"number" bigint NOT NULL,
	"hash" text NOT NULL,
	CONSTRAINT "audit_anchor_one" CHECK (id = 1)
);
--> statement-breakpoint
CREATE TABLE "audit_entries" (
	"number" bigint PRIMARY KEY NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"actor_kind" text NOT NULL,
	"actor_name" text,
	"actor_tenant_id" uuid,
	"address" text,
	"request_id" text,
	"action" text NOT NULL,
	"subject_kind" text,
	"subject_id" text,
	"tenant_id" uuid,
	"outcome" text NOT NULL,
	"reason" text,
	"before" text,
	"after" text,
	"count" integer NOT NULL,
	"first_at" timestamp with time zone,
	"last_at" timestamp with time zone,
	"previous_hash" text NOT NULL,
	"hash" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "provider_callbacks" (
	"id" uuid PRIMARY KEY NOT NULL,
	"carrier" text NOT NULL,
	"kind" text NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"address" text,
	"request" text NOT NULL,
	"digest" text NOT NULL,
	"once_key" text NOT NULL,
	"state" text NOT NULL,
	"error" text,
	"taken_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "carrier_health" (
	"carrier" text PRIMARY KEY NOT NULL,
	"mode" text NOT NULL,
	"reason" text,
	"mode_at" timestamp with time zone NOT NULL,
	"breaker" text NOT NULL,
	"breaker_at" timestamp with time zone NOT NULL,
	"cool_down_ms" double precision NOT NULL
);
--> statement-breakpoint
CREATE TABLE "carrier_history" (
	"id" uuid PRIMARY KEY NOT NULL,
	"carrier" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"kind" text NOT NULL,
	"from_state" text NOT NULL,
	"to_state" text NOT NULL,
	"cause" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "carrier_quality" (
	"carrier" text NOT NULL,
	"country" text NOT NULL,
	"network" text NOT NULL,
	"traffic_class" text NOT NULL,
	"delivered" double precision NOT NULL,
	"failed" double precision NOT NULL,
	"unanswered" double precision NOT NULL,
	"throttled" double precision NOT NULL,
	"attempts" double precision NOT NULL,
	"latencies" jsonb NOT NULL,
	"at" timestamp with time zone NOT NULL,
	CONSTRAINT "carrier_quality_carrier_country_network_traffic_class_pk" PRIMARY KEY("carrier","country","network","traffic_class")
);
--> statement-breakpoint
CREATE TABLE "carriers" (
	"name" text PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "config_versions" (
	"number" integer PRIMARY KEY NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"source" text NOT NULL,
	"who" text,
	"comment" text NOT NULL,
	"document" text NOT NULL,
	"rolled_back_to" integer
);
--> statement-breakpoint
CREATE TABLE "encryption_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"proof" text NOT NULL,
	"resealed_at" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "events" (
	"message_id" uuid NOT NULL,
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"lines" json NOT NULL,
	CONSTRAINT "events_message_id_id_pk" PRIMARY KEY("message_id","id")
);
--> statement-breakpoint
CREATE TABLE "message_feedback" (
	"message_id" uuid PRIMARY KEY NOT NULL,
	"outcome" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "guard_states" (
	"name" text PRIMARY KEY NOT NULL,
	"state" text NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"tenant_id" uuid NOT NULL,
	"scope" text NOT NULL,
	"key" text NOT NULL,
	"fingerprint" text NOT NULL,
	"status" smallint NOT NULL,
	"body" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "idempotency_keys_tenant_id_scope_key_pk" PRIMARY KEY("tenant_id","scope","key")
);
--> statement-breakpoint
CREATE TABLE "inbound_messages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid,
	"partner" text,
	"carrier" text NOT NULL,
	"from_number" text NOT NULL,
	"from_fingerprint" text,
	"to_number" text NOT NULL,
	"body" text NOT NULL,
	"encoding" text NOT NULL,
	"keyword" text,
	"parts" smallint NOT NULL,
	"total_parts" smallint NOT NULL,
	"pdus" text NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"body_erased_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "inbound_parts" (
	"group_id" uuid NOT NULL,
	"sequence" smallint NOT NULL,
	"group_key" text NOT NULL,
	"total" smallint NOT NULL,
	"part" text NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"done_at" timestamp with time zone,
	CONSTRAINT "inbound_parts_group_id_sequence_pk" PRIMARY KEY("group_id","sequence")
);
--> statement-breakpoint
CREATE TABLE "issued_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid,
	"name" text NOT NULL,
	"key_name" text NOT NULL,
	"key_hash" text NOT NULL,
	"signing" text NOT NULL,
	"secret" text,
	"scopes" jsonb NOT NULL,
	"allow_from" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"created_by" text NOT NULL,
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	"previous_hash" text,
	"previous_secret" text,
	"previous_until" timestamp with time zone,
	CONSTRAINT "issued_keys_key_hash_unique" UNIQUE("key_hash")
);
--> statement-breakpoint
CREATE TABLE "key_uses" (
	"key_name" text PRIMARY KEY NOT NULL,
	"last_used_at" timestamp with time zone NOT NULL,
	"last_address" text
);
--> statement-breakpoint
CREATE TABLE "request_nonces" (
	"key_id" uuid NOT NULL,
	"nonce" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "request_nonces_key_id_nonce_pk" PRIMARY KEY("key_id","nonce")
);
--> statement-breakpoint
CREATE TABLE "journal" (
	"node" text NOT NULL,
	"seq" bigint NOT NULL,
	"entries" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "journal_node_seq_pk" PRIMARY KEY("node","seq")
);
--> statement-breakpoint
CREATE TABLE "journal_refused" (
	"id" uuid PRIMARY KEY NOT NULL,
	"entry" text NOT NULL,
	"reason" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ledger" (
	"batch" bigint NOT NULL,
	"line" integer NOT NULL,
	"kind" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"tenant_id" uuid NOT NULL,
	"currency" text NOT NULL,
	"balance" bigint NOT NULL,
	"reserved" bigint NOT NULL,
	"revenue" bigint NOT NULL,
	"tax" bigint NOT NULL,
	"funding" bigint NOT NULL,
	"message_id" uuid,
	"carrier" text,
	"cost_currency" text,
	"cost_micros" bigint,
	"reference" text,
	"note" text,
	CONSTRAINT "ledger_batch_line_pk" PRIMARY KEY("batch","line"),
	CONSTRAINT "ledger_balanced" CHECK (balance + reserved + revenue + tax + funding = 0)
);
--> statement-breakpoint
CREATE TABLE "ledger_accounts" (
	"tenant_id" uuid NOT NULL,
	"currency" text NOT NULL,
	"balance" bigint NOT NULL,
	"reserved" bigint NOT NULL,
	"revenue" bigint NOT NULL,
	"tax" bigint NOT NULL,
	"funding" bigint NOT NULL,
	"is_funded" boolean NOT NULL,
	CONSTRAINT "ledger_accounts_tenant_id_currency_pk" PRIMARY KEY("tenant_id","currency")
);
--> statement-breakpoint
CREATE TABLE "ledger_batches" (
	"number" bigint PRIMARY KEY NOT NULL,
	"lines" integer NOT NULL,
	"checks" "bytea" NOT NULL,
	"hash" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ledger_carriers" (
	"carrier" text NOT NULL,
	"currency" text NOT NULL,
	"owed" bigint NOT NULL,
	CONSTRAINT "ledger_carriers_carrier_currency_pk" PRIMARY KEY("carrier","currency")
);
--> statement-breakpoint
CREATE TABLE "limit_counters" (
	"name" text NOT NULL,
	"tenant_id" text NOT NULL,
	"subject" text NOT NULL,
	"counts" text NOT NULL,
	"ends_at" timestamp with time zone NOT NULL,
	CONSTRAINT "limit_counters_name_tenant_id_subject_pk" PRIMARY KEY("name","tenant_id","subject")
);
--> statement-breakpoint
CREATE TABLE "messages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"source" text NOT NULL,
	"partner" text,
	"partner_message_id" text,
	"channel" text DEFAULT 'sms' NOT NULL,
	"to_number" text NOT NULL,
	"to_fingerprint" text,
	"from_sender" text NOT NULL,
	"body" text NOT NULL,
	"template" text,
	"mail" text,
	"octets" "bytea",
	"pass_through" text,
	"body_erased_at" timestamp with time zone,
	"esm_class" smallint DEFAULT 0 NOT NULL,
	"data_coding" smallint,
	"registered_delivery" smallint DEFAULT 0 NOT NULL,
	"encoding" text NOT NULL,
	"requested_encoding" text NOT NULL,
	"segments" smallint NOT NULL,
	"max_segments" smallint,
	"traffic_class" text NOT NULL,
	"tags" text[],
	"expects_reply" boolean DEFAULT false NOT NULL,
	"client_reference" text,
	"callback_url" text,
	"country" text NOT NULL,
	"status" text NOT NULL,
	"carrier" text,
	"attempt" smallint DEFAULT 0 NOT NULL,
	"failures" smallint DEFAULT 0 NOT NULL,
	"price_micros" bigint NOT NULL,
	"price_currency" text NOT NULL,
	"cost_micros" bigint NOT NULL,
	"cost_currency" text NOT NULL,
	"carrier_deck_version" integer NOT NULL,
	"tenant_deck_version" integer,
	"error_code" text,
	"error_detail" text,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"final_at" timestamp with time zone,
	"send_at" timestamp with time zone,
	"expires_at" timestamp with time zone NOT NULL,
	"due_at" timestamp with time zone,
	"deadline_at" timestamp with time zone,
	"lease_node" text,
	"dead_letter" text,
	"replayed_as" uuid,
	"replay_of" uuid,
	"held_by" text,
	"network" text,
	"fallback" text,
	"fallback_on" text[],
	"fallback_at" timestamp with time zone,
	"fallback_as" uuid,
	"fallback_of" uuid,
	"charging" text
);
--> statement-breakpoint
CREATE TABLE "network_versions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"source" text NOT NULL,
	"sha256" text NOT NULL,
	"row_count" integer NOT NULL,
	"content" "bytea"
);
--> statement-breakpoint
CREATE TABLE "ported_numbers" (
	"number" bigint PRIMARY KEY NOT NULL,
	"mccmnc" text NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "nodes" (
	"id" text PRIMARY KEY NOT NULL,
	"generation" bigint DEFAULT 0 NOT NULL,
	"started_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"id" text PRIMARY KEY NOT NULL,
	"recipient" text NOT NULL,
	"url" text,
	"tenant_id" uuid NOT NULL,
	"subject_id" uuid NOT NULL,
	"event" text NOT NULL,
	"payload" jsonb NOT NULL,
	"state" text NOT NULL,
	"due_at" timestamp with time zone,
	"tries" smallint DEFAULT 0 NOT NULL,
	"log" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "partner_ids" (
	"system_id" text PRIMARY KEY NOT NULL,
	"reserved" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "rate_deck_parts" (
	"owner_kind" text NOT NULL,
	"owner" text NOT NULL,
	"version" integer NOT NULL,
	"part" integer NOT NULL,
	"content" "bytea" NOT NULL,
	CONSTRAINT "rate_deck_parts_owner_kind_owner_version_part_pk" PRIMARY KEY("owner_kind","owner","version","part")
);
--> statement-breakpoint
CREATE TABLE "rate_decks" (
	"owner_kind" text NOT NULL,
	"owner" text NOT NULL,
	"version" integer NOT NULL,
	"imported_at" timestamp with time zone NOT NULL,
	"note" text NOT NULL,
	"rows" integer NOT NULL,
	CONSTRAINT "rate_decks_owner_kind_owner_version_pk" PRIMARY KEY("owner_kind","owner","version")
);
--> statement-breakpoint
CREATE TABLE "receipts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"carrier" text NOT NULL,
	"carrier_message_id" text NOT NULL,
	"match_keys" text[] NOT NULL,
	"state" text NOT NULL,
	"settles" text,
	"raw_error" text,
	"failure" text,
	"raw_text" text NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"about" jsonb,
	"part" smallint,
	"parts" smallint
);
--> statement-breakpoint
CREATE TABLE "reconciled_submits" (
	"message_id" uuid NOT NULL,
	"attempt" smallint NOT NULL,
	"segment" smallint NOT NULL,
	CONSTRAINT "reconciled_submits_message_id_attempt_segment_pk" PRIMARY KEY("message_id","attempt","segment")
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"key_hash" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "api_keys_key_hash_unique" UNIQUE("key_hash")
);
--> statement-breakpoint
CREATE TABLE "tenants" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"settings" jsonb,
	"status_by" uuid,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "tenants_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "balance_alerts" (
	"tenant_id" uuid NOT NULL,
	"currency" text NOT NULL,
	"state" text NOT NULL,
	"told_at" timestamp with time zone NOT NULL,
	CONSTRAINT "balance_alerts_key" PRIMARY KEY("tenant_id","currency","state")
);
--> statement-breakpoint
CREATE TABLE "ledger_days" (
	"tenant_id" uuid NOT NULL,
	"currency" text NOT NULL,
	"starts_at" timestamp with time zone NOT NULL,
	"kind" text NOT NULL,
	"lines" bigint NOT NULL,
	"balance" bigint NOT NULL,
	"reserved" bigint NOT NULL,
	"revenue" bigint NOT NULL,
	"tax" bigint NOT NULL,
	"funding" bigint NOT NULL,
	CONSTRAINT "ledger_days_key" PRIMARY KEY("tenant_id","currency","starts_at","kind")
);
--> statement-breakpoint
CREATE TABLE "usage_charges" (
	"tenant_id" uuid NOT NULL,
	"starts_at" timestamp with time zone NOT NULL,
	"country" text NOT NULL,
	"network" text NOT NULL,
	"currency" text NOT NULL,
	"unit" text NOT NULL,
	"unit_price" bigint NOT NULL,
	"tax_ppm" integer NOT NULL,
	"charged" bigint NOT NULL,
	"revenue" bigint NOT NULL,
	"tax" bigint NOT NULL,
	CONSTRAINT "usage_charges_key" PRIMARY KEY("tenant_id","starts_at","country","network","currency","unit","unit_price","tax_ppm")
);
--> statement-breakpoint
CREATE TABLE "usage_days" (
	"starts_at" timestamp with time zone NOT NULL,
	"tenant_id" uuid NOT NULL,
	"carrier" text NOT NULL,
	"country" text NOT NULL,
	"network" text NOT NULL,
	"traffic_class" text NOT NULL,
	"currency" text NOT NULL,
	"messages_accepted" bigint NOT NULL,
	"segments_accepted" bigint NOT NULL,
	"segments_submitted" bigint NOT NULL,
	"segments_delivered" bigint NOT NULL,
	"segments_undelivered" bigint NOT NULL,
	"segments_expired" bigint NOT NULL,
	"messages_delivered" bigint NOT NULL,
	"messages_undelivered" bigint NOT NULL,
	"messages_expired" bigint NOT NULL,
	"messages_failed" bigint NOT NULL,
	"messages_canceled" bigint NOT NULL,
	"messages_unconfirmed" bigint NOT NULL,
	"charged" bigint NOT NULL,
	"revenue" bigint NOT NULL,
	"tax" bigint NOT NULL,
	"cost" bigint NOT NULL,
	CONSTRAINT "usage_days_key" PRIMARY KEY("starts_at","tenant_id","carrier","country","network","traffic_class","currency")
);
--> statement-breakpoint
CREATE TABLE "usage_hours" (
	"starts_at" timestamp with time zone NOT NULL,
	"tenant_id" uuid NOT NULL,
	"carrier" text NOT NULL,
	"country" text NOT NULL,
	"network" text NOT NULL,
	"traffic_class" text NOT NULL,
	"currency" text NOT NULL,
	"messages_accepted" bigint NOT NULL,
	"segments_accepted" bigint NOT NULL,
	"segments_submitted" bigint NOT NULL,
	"segments_delivered" bigint NOT NULL,
	"segments_undelivered" bigint NOT NULL,
	"segments_expired" bigint NOT NULL,
	"messages_delivered" bigint NOT NULL,
	"messages_undelivered" bigint NOT NULL,
	"messages_expired" bigint NOT NULL,
	"messages_failed" bigint NOT NULL,
	"messages_canceled" bigint NOT NULL,
	"messages_unconfirmed" bigint NOT NULL,
	"charged" bigint NOT NULL,
	"revenue" bigint NOT NULL,
	"tax" bigint NOT NULL,
	"cost" bigint NOT NULL,
	CONSTRAINT "usage_hours_key" PRIMARY KEY("starts_at","tenant_id","carrier","country","network","traffic_class","currency")
);
--> statement-breakpoint
CREATE TABLE "usage_months" (
	"starts_at" timestamp with time zone NOT NULL,
	"tenant_id" uuid NOT NULL,
	"carrier" text NOT NULL,
	"country" text NOT NULL,
	"network" text NOT NULL,
	"traffic_class" text NOT NULL,
	"currency" text NOT NULL,
	"messages_accepted" bigint NOT NULL,
	"segments_accepted" bigint NOT NULL,
	"segments_submitted" bigint NOT NULL,
	"segments_delivered" bigint NOT NULL,
	"segments_undelivered" bigint NOT NULL,
	"segments_expired" bigint NOT NULL,
	"messages_delivered" bigint NOT NULL,
	"messages_undelivered" bigint NOT NULL,
	"messages_expired" bigint NOT NULL,
	"messages_failed" bigint NOT NULL,
	"messages_canceled" bigint NOT NULL,
	"messages_unconfirmed" bigint NOT NULL,
	"charged" bigint NOT NULL,
	"revenue" bigint NOT NULL,
	"tax" bigint NOT NULL,
	"cost" bigint NOT NULL,
	CONSTRAINT "usage_months_key" PRIMARY KEY("starts_at","tenant_id","carrier","country","network","traffic_class","currency")
);
--> statement-breakpoint
CREATE TABLE "usage_pending" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"cells" jsonb NOT NULL,
	"movements" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "usage_senders" (
	"starts_at" timestamp with time zone NOT NULL,
	"tenant_id" uuid NOT NULL,
	"sender" text NOT NULL,
	"country" text NOT NULL,
	"currency" text NOT NULL,
	"messages_accepted" bigint NOT NULL,
	"segments_accepted" bigint NOT NULL,
	"segments_submitted" bigint NOT NULL,
	"segments_delivered" bigint NOT NULL,
	"segments_undelivered" bigint NOT NULL,
	"segments_expired" bigint NOT NULL,
	"messages_delivered" bigint NOT NULL,
	"messages_undelivered" bigint NOT NULL,
	"messages_expired" bigint NOT NULL,
	"messages_failed" bigint NOT NULL,
	"messages_canceled" bigint NOT NULL,
	"messages_unconfirmed" bigint NOT NULL,
	"charged" bigint NOT NULL,
	"revenue" bigint NOT NULL,
	"tax" bigint NOT NULL,
	"cost" bigint NOT NULL,
	CONSTRAINT "usage_senders_key" PRIMARY KEY("starts_at","tenant_id","sender","country","currency")
);
--> statement-breakpoint
CREATE TABLE "usage_templates" (
	"starts_at" timestamp with time zone NOT NULL,
	"tenant_id" uuid NOT NULL,
	"template" text NOT NULL,
	"country" text NOT NULL,
	"currency" text NOT NULL,
	"messages_accepted" bigint NOT NULL,
	"segments_accepted" bigint NOT NULL,
	"segments_submitted" bigint NOT NULL,
	"segments_delivered" bigint NOT NULL,
	"segments_undelivered" bigint NOT NULL,
	"segments_expired" bigint NOT NULL,
	"messages_delivered" bigint NOT NULL,
	"messages_undelivered" bigint NOT NULL,
	"messages_expired" bigint NOT NULL,
	"messages_failed" bigint NOT NULL,
	"messages_canceled" bigint NOT NULL,
	"messages_unconfirmed" bigint NOT NULL,
	"charged" bigint NOT NULL,
	"revenue" bigint NOT NULL,
	"tax" bigint NOT NULL,
	"cost" bigint NOT NULL,
	CONSTRAINT "usage_templates_key" PRIMARY KEY("starts_at","tenant_id","template","country","currency")
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"token_hash" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"last_used_at" timestamp with time zone NOT NULL,
	"address" text NOT NULL,
	"user_agent" text NOT NULL,
	CONSTRAINT "sessions_token_hash_unique" UNIQUE("token_hash")
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	"name" text NOT NULL,
	"role" text NOT NULL,
	"tenant_id" uuid,
	"is_enabled" boolean NOT NULL,
	"password_hash" text NOT NULL,
	"has_first_password" boolean NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "users_email_unique" UNIQUE("email")
);
--> statement-breakpoint
CREATE TABLE "tenant_volumes" (
	"tenant_id" uuid NOT NULL,
	"month" text NOT NULL,
	"segments" bigint NOT NULL,
	CONSTRAINT "tenant_volumes_month_tenant_id_pk" PRIMARY KEY("month","tenant_id")
);
--> statement-breakpoint
CREATE TABLE "webhook_endpoints" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"url" text,
	"events" text[] NOT NULL,
	"secret" text NOT NULL,
	"previous_secret" text,
	"previous_secret_until" timestamp with time zone,
	"is_enabled" boolean NOT NULL,
	"disabled_reason" text,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "issued_keys" ADD CONSTRAINT "issued_keys_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_endpoints" ADD CONSTRAINT "webhook_endpoints_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "attempts_by_match_key" ON "attempts" USING btree ("carrier","match_key");--> statement-breakpoint
CREATE INDEX "attempts_by_time" ON "attempts" USING brin ("submitted_at" timestamptz_minmax_multi_ops);--> statement-breakpoint
CREATE INDEX "attempts_uncertain" ON "attempts" USING btree ("carrier","submitted_at") WHERE is_uncertain;--> statement-breakpoint
CREATE INDEX "audit_by_time" ON "audit_entries" USING btree ("at");--> statement-breakpoint
CREATE INDEX "audit_by_action" ON "audit_entries" USING btree ("action","number");--> statement-breakpoint
CREATE INDEX "audit_by_actor" ON "audit_entries" USING btree ("actor_name","number");--> statement-breakpoint
CREATE INDEX "audit_by_tenant" ON "audit_entries" USING btree ("tenant_id","number") WHERE tenant_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "provider_callbacks_once" ON "provider_callbacks" USING btree ("carrier","once_key");--> statement-breakpoint
CREATE INDEX "provider_callbacks_open" ON "provider_callbacks" USING btree ("state","id") WHERE state <> 'done';--> statement-breakpoint
CREATE INDEX "carrier_history_by_carrier" ON "carrier_history" USING btree ("carrier","id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_expiry" ON "idempotency_keys" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "inbound_messages_by_tenant" ON "inbound_messages" USING btree ("tenant_id","id");--> statement-breakpoint
CREATE INDEX "inbound_messages_by_age" ON "inbound_messages" USING btree ("tenant_id","received_at");--> statement-breakpoint
CREATE INDEX "inbound_parts_by_key" ON "inbound_parts" USING btree ("group_key");--> statement-breakpoint
CREATE INDEX "inbound_parts_waiting" ON "inbound_parts" USING btree ("received_at") WHERE done_at is null;--> statement-breakpoint
CREATE INDEX "inbound_parts_done" ON "inbound_parts" USING btree ("done_at") WHERE done_at is not null;--> statement-breakpoint
CREATE INDEX "request_nonces_expiry" ON "request_nonces" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "ledger_by_tenant" ON "ledger" USING btree ("tenant_id","batch","line");--> statement-breakpoint
CREATE INDEX "ledger_by_message" ON "ledger" USING btree ("message_id") WHERE message_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "ledger_by_reference" ON "ledger" USING btree ("tenant_id","reference") WHERE reference is not null;--> statement-breakpoint
CREATE INDEX "limit_counters_by_end" ON "limit_counters" USING btree ("ends_at");--> statement-breakpoint
CREATE INDEX "messages_by_tenant" ON "messages" USING btree ("tenant_id","id");--> statement-breakpoint
CREATE INDEX "messages_by_reference" ON "messages" USING btree ("tenant_id","client_reference") WHERE client_reference is not null;--> statement-breakpoint
CREATE INDEX "messages_by_tag" ON "messages" USING gin ("tags") WHERE tags is not null;--> statement-breakpoint
CREATE INDEX "messages_backlog" ON "messages" USING btree ("carrier","traffic_class","tenant_id","id") WHERE status = 'queued' and lease_node is null and due_at is null;--> statement-breakpoint
CREATE INDEX "messages_due" ON "messages" USING btree ("due_at") WHERE due_at is not null and final_at is null;--> statement-breakpoint
CREATE INDEX "messages_deadline" ON "messages" USING btree ("deadline_at") WHERE final_at is null;--> statement-breakpoint
CREATE INDEX "messages_leased" ON "messages" USING btree ("lease_node") WHERE lease_node is not null and final_at is null;--> statement-breakpoint
CREATE INDEX "messages_sending" ON "messages" USING btree ("id") WHERE status = 'sending';--> statement-breakpoint
CREATE INDEX "messages_with_body" ON "messages" USING btree ("tenant_id","final_at") WHERE final_at is not null and body_erased_at is null;--> statement-breakpoint
CREATE INDEX "messages_by_partner_id" ON "messages" USING btree ("partner","partner_message_id") WHERE partner_message_id is not null;--> statement-breakpoint
CREATE INDEX "messages_of_partner_waiting" ON "messages" USING btree ("partner",coalesce(to_fingerprint, to_number)) WHERE partner is not null and status in ('queued', 'scheduled');--> statement-breakpoint
CREATE INDEX "messages_fallback" ON "messages" USING btree ("id") WHERE fallback is not null and fallback_as is null and (final_at is null or status = any(fallback_on));--> statement-breakpoint
CREATE INDEX "messages_dead" ON "messages" USING btree ("tenant_id","id") WHERE dead_letter is not null;--> statement-breakpoint
CREATE INDEX "messages_held" ON "messages" USING btree ("tenant_id","id") WHERE held_by is not null;--> statement-breakpoint
CREATE INDEX "network_versions_by_kind" ON "network_versions" USING btree ("kind","id");--> statement-breakpoint
CREATE INDEX "outbox_waiting" ON "outbox" USING btree ("recipient","id") WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX "outbox_by_subject" ON "outbox" USING btree ("subject_id");--> statement-breakpoint
CREATE INDEX "receipts_by_carrier" ON "receipts" USING btree ("carrier","received_at");--> statement-breakpoint
CREATE INDEX "usage_days_by_tenant" ON "usage_days" USING btree ("tenant_id","starts_at");--> statement-breakpoint
CREATE INDEX "usage_hours_by_tenant" ON "usage_hours" USING btree ("tenant_id","starts_at");--> statement-breakpoint
CREATE INDEX "usage_months_by_tenant" ON "usage_months" USING btree ("tenant_id","starts_at");--> statement-breakpoint
CREATE INDEX "usage_senders_by_tenant" ON "usage_senders" USING btree ("tenant_id","starts_at");--> statement-breakpoint
CREATE INDEX "usage_templates_by_tenant" ON "usage_templates" USING btree ("tenant_id","starts_at");--> statement-breakpoint
CREATE INDEX "sessions_by_user" ON "sessions" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "webhook_endpoints_by_tenant" ON "webhook_endpoints" USING btree ("tenant_id");--> statement-breakpoint
CREATE UNIQUE INDEX "webhook_callback_of_tenant" ON "webhook_endpoints" USING btree ("tenant_id") WHERE "webhook_endpoints"."kind" = 'callback';