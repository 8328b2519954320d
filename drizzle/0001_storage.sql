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
ALTER TABLE "usage_pending" SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
