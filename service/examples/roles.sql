-- Roles with the least rights. Run this as a superuser in Backdrop's own database, before the first `backdrop migrate` and
-- once after it. You may run it again at any time. Then give each a password:  ALTER ROLE backdrop PASSWORD '…'
--   backdrop_owner       only `backdrop migrate`, which makes and changes tables
--   backdrop             API, worker, sweep and all other commands: may change rows, but no tables
--   backdrop_autoscaler  KEDA: may count jobs by status and operation
DO $$
DECLARE role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['backdrop_owner', 'backdrop', 'backdrop_autoscaler'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role);
        END IF;
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO backdrop_owner, backdrop, backdrop_autoscaler', current_database());
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO backdrop_owner;
GRANT USAGE ON SCHEMA public TO backdrop, backdrop_autoscaler;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO backdrop;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO backdrop;
ALTER DEFAULT PRIVILEGES FOR ROLE backdrop_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO backdrop;
ALTER DEFAULT PRIVILEGES FOR ROLE backdrop_owner IN SCHEMA public GRANT USAGE ON SEQUENCES TO backdrop;
DO $$
BEGIN
    IF to_regclass('public.jobs') IS NOT NULL THEN  -- after the first migration
        GRANT SELECT (status, operation, preview) ON public.jobs TO backdrop_autoscaler;
        REVOKE INSERT, UPDATE, DELETE ON public.alembic_version FROM backdrop;
    END IF;
END $$;
