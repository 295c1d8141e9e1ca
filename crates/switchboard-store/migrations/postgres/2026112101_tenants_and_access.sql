-- Tenants, who may act for them, and how a call or a key finds its tenant.
--
-- Every tenant table leads its keys and indexes with tenant_id. Checks behind foreign keys and unique constraints
-- ignore row security, so a constraint without tenant_id would let one tenant attach to another's row or learn of it.

create table tenants (
    id uuid primary key,
    name text not null,
    -- The name in lower case with single blanks: what a person types to mean this tenant.
    name_key text not null unique,
    display_name text not null,
    time_zone text not null,
    currency text not null check (length(currency) = 3),
    created_at timestamptz not null
);

create table staff (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    name text not null,
    email text not null,
    email_key text not null,
    role text not null check (role in ('owner', 'manager', 'staff', 'viewer')),
    password_hash text,
    location text,
    created_at timestamptz not null,
    disabled_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, email_key)
);
create index staff_by_email on staff (email_key);

create table logins (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    staff_id uuid not null,
    -- Only the hash is kept: a stolen database signs nobody in.
    token_hash text not null,
    created_at timestamptz not null,
    seen_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, token_hash),
    foreign key (tenant_id, staff_id) references staff (tenant_id, id)
);
create index logins_by_token on logins (token_hash);

create table api_keys (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    name text not null,
    key_hash text not null,
    created_at timestamptz not null,
    last_used_at timestamptz,
    revoked_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, key_hash)
);
create index api_keys_by_hash on api_keys (key_hash);

-- A published agent never changes: a change is the next version, so a call can name what answered it.
create table agents (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    name text not null,
    version bigint not null,
    definition jsonb not null,
    source text not null,
    created_at timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, name, version)
);

create table twilio_accounts (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    account_sid text not null,
    -- Sealed by the server; this database never sees the token itself.
    sealed_auth_token bytea not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, account_sid)
);

-- Two tenants may name the same number; the earliest claim answers it. A global unique constraint would
-- tell a tenant that another one exists.
create table numbers (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    number text not null,
    agent_name text not null,
    human_number text,
    twilio_account_id uuid,
    location text,
    created_at timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, number),
    foreign key (tenant_id, twilio_account_id) references twilio_accounts (tenant_id, id)
);
create index numbers_by_number on numbers (number);

create table settings (
    tenant_id uuid not null references tenants (id),
    key text not null,
    value jsonb not null,
    updated_at timestamptz not null,
    primary key (tenant_id, key)
);

create table audit_entries (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    at timestamptz not null,
    actor_kind text not null,
    actor_id uuid,
    purpose text not null,
    action text not null,
    noun text not null,
    noun_id text,
    primary key (tenant_id, id)
);
create index audit_entries_by_time on audit_entries (tenant_id, at);

-- One row per webhook that was acted on. The same vendor id again is a repetition.
create table webhook_receipts (
    tenant_id uuid not null references tenants (id),
    endpoint text not null,
    vendor_id text not null,
    received_at timestamptz not null,
    primary key (tenant_id, endpoint, vendor_id)
);

-- Row security: a row is visible when its tenant is the transaction's tenant. The setting is transaction-local,
-- because a pooled connection would carry a session setting into the next request.
do $$
declare
    t text;
begin
    foreach t in array array['staff', 'logins', 'api_keys', 'agents', 'twilio_accounts', 'numbers', 'settings',
                             'audit_entries', 'webhook_receipts']
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy tenant_scope on %I to switchboard_app
                        using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)
                        with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', t);
        execute format('grant select, insert, update, delete on %I to switchboard_app', t);
    end loop;
end $$;

-- Audit entries and receipts are only ever added.
revoke update, delete on audit_entries, webhook_receipts from switchboard_app;

-- The tenant itself: its own row in its scope, one row by name, all rows for the operator.
alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenant_scope on tenants to switchboard_app
    using (id = nullif(current_setting('app.tenant_id', true), '')::uuid
           or current_setting('app.installation', true) = 'on')
    with check (current_setting('app.installation', true) = 'on');
grant select, insert, update on tenants to switchboard_app;

-- Look-ups that come before any tenant is known see one row, by the key they already hold.
create policy lookup_number on numbers for select to switchboard_app
    using (number = nullif(current_setting('app.lookup', true), ''));
create policy lookup_key on api_keys for select to switchboard_app
    using (key_hash = nullif(current_setting('app.lookup', true), ''));
create policy lookup_login on logins for select to switchboard_app
    using (token_hash = nullif(current_setting('app.lookup', true), ''));
create policy lookup_staff on staff for select to switchboard_app
    using (email_key = nullif(current_setting('app.lookup', true), ''));
