SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.database_lock (
    id integer NOT NULL,
    holder uuid DEFAULT gen_random_uuid() NOT NULL,
    CONSTRAINT database_lock_id_check CHECK ((id = 1))
);
CREATE TABLE public.key_ring (
    id bigint NOT NULL,
    fingerprint character varying NOT NULL,
    CONSTRAINT key_ring_id_check CHECK ((id = 1))
);
CREATE TABLE public.log_head (
    id bigint NOT NULL,
    last_position bigint NOT NULL,
    floor_position bigint NOT NULL,
    newest_at bigint,
    log_id uuid,
    issue_floor bigint,
    life character varying,
    life_generation bigint DEFAULT 0 NOT NULL,
    CONSTRAINT log_head_id_check CHECK ((id = 1))
);
CREATE TABLE public.rescind_migrations (
    version character varying NOT NULL,
    applied_at bigint NOT NULL
);
CREATE TABLE public.revocations (
    "position" bigint NOT NULL,
    scope_kind character varying NOT NULL,
    scope_id uuid NOT NULL,
    user_id uuid NOT NULL,
    at bigint NOT NULL,
    until bigint NOT NULL,
    cause character varying NOT NULL,
    entry_id uuid DEFAULT gen_random_uuid()
);
CREATE TABLE public.sessions (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    client_id character varying NOT NULL,
    created_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    access_until bigint NOT NULL,
    generation bigint,
    salt bytea,
    idle_until bigint,
    grace_until bigint,
    closed_at bigint,
    closed_cause character varying,
    reuse_noticed_at bigint,
    user_agent character varying,
    address character varying,
    CONSTRAINT sessions_check CHECK (((generation IS NULL) = (salt IS NULL))),
    CONSTRAINT sessions_check1 CHECK (((generation IS NULL) = (idle_until IS NULL))),
    CONSTRAINT sessions_check2 CHECK (((closed_at IS NULL) = (closed_cause IS NULL)))
);
CREATE TABLE public.user_epochs (
    user_id uuid NOT NULL,
    epoch bigint NOT NULL
);
CREATE TABLE public.users (
    id uuid NOT NULL,
    username character varying NOT NULL,
    kind character varying NOT NULL,
    password_hash character varying NOT NULL,
    created_at bigint NOT NULL
);
INSERT INTO public.database_lock VALUES (1, 'e1cd0c49-a8d5-442e-9080-0f5336404bb3');
INSERT INTO public.key_ring VALUES (1, 'ad2e208d9fe0f1b790bc70f0b7883b28f04f0d3631172e8dcb476f479644a348');
INSERT INTO public.log_head VALUES (1, 2, 0, 1795996558183, 'e334c0d7-4fcd-4fd8-ac95-901ac48a9b77', NULL, NULL, 0);
INSERT INTO public.rescind_migrations VALUES ('m20260101_000001_users', 1795996554);
INSERT INTO public.rescind_migrations VALUES ('m20260101_000002_sessions', 1795996554);
INSERT INTO public.rescind_migrations VALUES ('m20260101_000003_revocations', 1795996554);
INSERT INTO public.rescind_migrations VALUES ('m20260101_000004_key_ring', 1795996554);
INSERT INTO public.rescind_migrations VALUES ('m20260101_000005_log_identity', 1795996554);
INSERT INTO public.rescind_migrations VALUES ('m20260101_000006_issue_floor', 1795996554);
INSERT INTO public.rescind_migrations VALUES ('m20260101_000007_life', 1795996554);
INSERT INTO public.rescind_migrations VALUES ('m20260101_000008_database_lock', 1795996554);
INSERT INTO public.revocations VALUES (1, 'session', '01a229bc-a26a-7c4a-9c07-4ef3e685179d', '01a229bc-a188-74cc-ac4f-c7c1341d2886', 1795996558082, 2110492857000, 'logout', 'b2e1ca91-c295-4c34-9fd4-b28a9cbdc35c');
INSERT INTO public.revocations VALUES (2, 'session', '01a229bc-a336-733c-9dd4-06aada638641', '01a229bc-a1a6-7df8-9286-269a6803b8a6', 1795996558183, 2110492858000, 'logout_everywhere', '9a7d8c6c-de0f-401c-9cc1-b4363504fef1');
INSERT INTO public.sessions VALUES ('01a229bc-a236-7039-a553-becc54b2c1de', '01a229bc-a188-74cc-ac4f-c7c1341d2886', 'rescind', 1795996557878, 1795996557878, 2111356557878, 2110492557000, 0, '\x74f68d0a67dc003b555cf9967ad0652b78a830cfde9febe2f79a5628467997bf', 2110492557878, NULL, NULL, NULL, NULL, 'curl/7.88.1', '127.0.0.1');
INSERT INTO public.sessions VALUES ('01a229bc-a298-76be-bf32-9d0e919067dd', '01a229bc-a188-74cc-ac4f-c7c1341d2886', 'rescind', 1795996557976, 1795996558032, 2111356557976, 2110492558000, 1, '\x7d16fae8b317fef190745d47950b82fecc2d74206fdbc575913fd2ff948c9152', 2110492558032, 1795996568032, NULL, NULL, NULL, 'curl/7.88.1', '127.0.0.1');
INSERT INTO public.sessions VALUES ('01a229bc-a26a-7c4a-9c07-4ef3e685179d', '01a229bc-a188-74cc-ac4f-c7c1341d2886', 'rescind', 1795996557930, 1795996557930, 2111356557930, 2110492557000, 0, '\x4bf87544d9476ee056b22f3d29ab3babb51de3db50b35226b2e97f4166eed003', 2110492557930, NULL, 1795996558082, 'logout', NULL, 'curl/7.88.1', '127.0.0.1');
INSERT INTO public.sessions VALUES ('01a229bc-a336-733c-9dd4-06aada638641', '01a229bc-a1a6-7df8-9286-269a6803b8a6', 'rescind', 1795996558134, 1795996558134, 2111356558134, 2110492558000, 0, '\x31c8eee8d8894a6bd42540dc570e5bc681043165a68d71e0cd4de5402b941988', 2110492558134, NULL, 1795996558183, 'logout_everywhere', NULL, 'curl/7.88.1', '127.0.0.1');
INSERT INTO public.user_epochs VALUES ('01a229bc-a188-74cc-ac4f-c7c1341d2886', 0);
INSERT INTO public.user_epochs VALUES ('01a229bc-a1a6-7df8-9286-269a6803b8a6', 1);
INSERT INTO public.users VALUES ('01a229bc-a188-74cc-ac4f-c7c1341d2886', 'alice', 'demo', '$argon2id$v=19$m=19456,t=2,p=1$oD0oAhD0rxqjOXg6ttujCA$qM42bAvoYSiAURS4/PriqF+lzj7p6dvhYGLrzWtMJnI', 1795996557704);
INSERT INTO public.users VALUES ('01a229bc-a1a6-7df8-9286-269a6803b8a6', 'bob', 'demo', '$argon2id$v=19$m=19456,t=2,p=1$DqymdywAW3DWBhtvG5S3zw$WMSz3X3D40r8oZOOoerkhl7o1ORWpaK1/CkvCdtHXlk', 1795996557734);
ALTER TABLE ONLY public.database_lock
    ADD CONSTRAINT database_lock_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.key_ring
    ADD CONSTRAINT key_ring_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.log_head
    ADD CONSTRAINT log_head_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.rescind_migrations
    ADD CONSTRAINT rescind_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.revocations
    ADD CONSTRAINT revocations_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.user_epochs
    ADD CONSTRAINT user_epochs_pkey PRIMARY KEY (user_id);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_username_key UNIQUE (username);
CREATE INDEX revocations_by_end ON public.revocations USING btree (until);
CREATE UNIQUE INDEX revocations_by_scope ON public.revocations USING btree (scope_kind, scope_id);
CREATE INDEX revocations_by_user ON public.revocations USING btree (user_id);
CREATE INDEX sessions_by_end ON public.sessions USING btree (expires_at);
CREATE INDEX sessions_by_last_seen ON public.sessions USING btree (last_seen_at);
CREATE INDEX sessions_open_by_user ON public.sessions USING btree (user_id, created_at, id) WHERE (closed_at IS NULL);
