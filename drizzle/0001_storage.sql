-- A row of the journal lives for about a second: packing its text would only cost time.
ALTER TABLE "journal" ALTER COLUMN "entries" SET STORAGE EXTERNAL;--> statement-breakpoint
-- Its dead rows are many and its live ones few: keep it small.
ALTER TABLE "journal" SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);--> statement-breakpoint
-- An update that changes no indexed column is cheap where its page has room for the new row.
ALTER TABLE "attempts" SET (fillfactor = 60);--> statement-breakpoint
ALTER TABLE "usage_hours" SET (fillfactor = 70);--> statement-breakpoint
ALTER TABLE "usage_days" SET (fillfactor = 70);--> statement-breakpoint
ALTER TABLE "usage_months" SET (fillfactor = 70);--> statement-breakpoint
-- As the journal: a row lives for some seconds.
ALTER TABLE "usage_pending" SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);--> statement-breakpoint
-- The audit log only grows. What is deleted by age is what the anchor stands for.
CREATE FUNCTION "audit_entries_keep"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD.number <= (SELECT number FROM audit_anchor) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'audit_entries only grows: % of entry % is refused', TG_OP, OLD.number;
END
$$;--> statement-breakpoint
CREATE TRIGGER "audit_entries_keep" BEFORE UPDATE OR DELETE ON "audit_entries"
  FOR EACH ROW EXECUTE FUNCTION "audit_entries_keep"();
