-- Tenants, who may act for them, and how a call or a key finds its tenant.
--
-- Every tenant table leads its keys and indexes with tenant_id. Checks behind foreign keys and unique constraints
-- ignore row security, so a constraint without tenant_id would let one tenant attach to another's row or learn of it.

create table tenants (
    id blob primary key,
    name text not null,
    -- The name in lower case with single blanks: what a person types to mean this tenant.
    name_key text not null unique,
    display_name text not null,
    time_zone text not null,
    currency text not null check (length(currency) = 3),
    created_at text not null
) strict;

create table staff (
    tenant_id blob not null references tenants (id),
    id blob not null,
    name text not null,
    email text not null,
    email_key text not null,
    role text not null check (role in ('owner', 'manager', 'staff', 'viewer')),
    password_hash text,
    location text,
    created_at text not null,
    disabled_at text,
    primary key (tenant_id, id),
    unique (tenant_id, email_key)
) strict;
create index staff_by_email on staff (email_key);

create table logins (
    tenant_id blob not null references tenants (id),
    id blob not null,
    staff_id blob not null,
    -- Only the hash is kept: a stolen database signs nobody in.
    token_hash text not null,
    created_at text not null,
    seen_at text not null,
    expires_at text not null,
    ended_at text,
    primary key (tenant_id, id),
    unique (tenant_id, token_hash),
    foreign key (tenant_id, staff_id) references staff (tenant_id, id)
) strict;
create index logins_by_token on logins (token_hash);

create table api_keys (
    tenant_id blob not null references tenants (id),
    id blob not null,
    name text not null,
    key_hash text not null,
    created_at text not null,
    last_used_at text,
    revoked_at text,
    primary key (tenant_id, id),
    unique (tenant_id, key_hash)
) strict;
create index api_keys_by_hash on api_keys (key_hash);

-- A published agent never changes: a change is the next version, so a call can name what answered it.
create table agents (
    tenant_id blob not null references tenants (id),
    id blob not null,
    name text not null,
    version integer not null,
    definition text not null,
    source text not null,
    created_at text not null,
    primary key (tenant_id, id),
    unique (tenant_id, name, version)
) strict;

create table twilio_accounts (
    tenant_id blob not null references tenants (id),
    id blob not null,
    account_sid text not null,
    -- Sealed by the server; this database never sees the token itself.
    sealed_auth_token blob not null,
    created_at text not null,
    updated_at text not null,
    primary key (tenant_id, id),
    unique (tenant_id, account_sid)
) strict;

-- Two tenants may name the same number; the earliest claim answers it. A global unique constraint would
-- tell a tenant that another one exists.
create table numbers (
    tenant_id blob not null references tenants (id),
    id blob not null,
    number text not null,
    agent_name text not null,
    human_number text,
    twilio_account_id blob,
    location text,
    created_at text not null,
    primary key (tenant_id, id),
    unique (tenant_id, number),
    foreign key (tenant_id, twilio_account_id) references twilio_accounts (tenant_id, id)
) strict;
create index numbers_by_number on numbers (number);

create table settings (
    tenant_id blob not null references tenants (id),
    key text not null,
    value text not null,
    updated_at text not null,
    primary key (tenant_id, key)
) strict;

create table audit_entries (
    tenant_id blob not null references tenants (id),
    id blob not null,
    at text not null,
    actor_kind text not null,
    actor_id blob,
    purpose text not null,
    action text not null,
    noun text not null,
    noun_id text,
    primary key (tenant_id, id)
) strict;
create index audit_entries_by_time on audit_entries (tenant_id, at);

-- One row per webhook that was acted on. The same vendor id again is a repetition.
create table webhook_receipts (
    tenant_id blob not null references tenants (id),
    endpoint text not null,
    vendor_id text not null,
    received_at text not null,
    primary key (tenant_id, endpoint, vendor_id)
) strict;
