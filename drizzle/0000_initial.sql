CREATE TABLE "attempts" (
	"message_id" uuid NOT NULL,
	"attempt" smallint NOT NULL,
	"segment" smallint NOT NULL,
	"carrier" text NOT NULL,
	"state" text NOT NULL,
	"carrier_message_id" text,
	"match_key" text,
	"command_status" bigint,
	"submitted_at" timestamp with time zone NOT NULL,
	"answered_at" timestamp with time zone,
	"receipt_at" timestamp with time zone,
	CONSTRAINT "attempts_message_id_attempt_segment_pk" PRIMARY KEY("message_id","attempt","segment")
);
--> statement-breakpoint
CREATE TABLE "carriers" (
	"name" text PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"quality_delivered" double precision DEFAULT 0 NOT NULL,
	"quality_total" double precision DEFAULT 0 NOT NULL,
	"quality_at" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "events" (
	"message_id" uuid NOT NULL,
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp with time zone NOT NULL,
	"type" text NOT NULL,
	"status" text NOT NULL,
	"carrier" text,
	"attempt" smallint,
	"segment" smallint,
	"code" text,
	"raw_code" text,
	"detail" jsonb,
	CONSTRAINT "events_message_id_id_pk" PRIMARY KEY("message_id","id")
);
--> statement-breakpoint
CREATE TABLE "messages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"source" text NOT NULL,
	"partner" text,
	"to_number" text NOT NULL,
	"from_sender" text NOT NULL,
	"body" text NOT NULL,
	"octets" "bytea",
	"esm_class" smallint DEFAULT 0 NOT NULL,
	"data_coding" smallint,
	"registered_delivery" smallint DEFAULT 0 NOT NULL,
	"encoding" text NOT NULL,
	"requested_encoding" text NOT NULL,
	"segments" smallint NOT NULL,
	"max_segments" smallint,
	"traffic_class" text NOT NULL,
	"client_reference" text,
	"country" text NOT NULL,
	"status" text NOT NULL,
	"carrier" text,
	"attempt" smallint DEFAULT 0 NOT NULL,
	"price_micros" bigint NOT NULL,
	"price_currency" text NOT NULL,
	"error_code" text,
	"error_detail" text,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"final_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"id" uuid PRIMARY KEY NOT NULL,
	"partner" text NOT NULL,
	"message_id" uuid NOT NULL,
	"payload" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL
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
	"raw_text" text NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"message_id" uuid,
	"attempt" smallint,
	"segment" smallint
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
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "tenants_name_unique" UNIQUE("name")
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "attempts_by_match_key" ON "attempts" USING btree ("carrier","match_key");--> statement-breakpoint
CREATE INDEX "messages_by_tenant" ON "messages" USING btree ("tenant_id","id");--> statement-breakpoint
CREATE INDEX "messages_by_reference" ON "messages" USING btree ("tenant_id","client_reference") WHERE client_reference is not null;--> statement-breakpoint
CREATE INDEX "messages_unfinished" ON "messages" USING btree ("id") WHERE final_at is null;--> statement-breakpoint
CREATE INDEX "outbox_by_partner" ON "outbox" USING btree ("partner","id");--> statement-breakpoint
CREATE INDEX "receipts_by_message" ON "receipts" USING btree ("message_id");--> statement-breakpoint
CREATE INDEX "receipts_unmatched" ON "receipts" USING btree ("carrier","received_at") WHERE message_id is null;