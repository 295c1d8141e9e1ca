-- Switches that act without a restart, and the answers that repeated API requests get.

-- What the operator or the tenant switched, away from the settings. A row without a number is for the whole tenant;
-- the most specific row wins. A row that has expired counts as gone.
create table switches (
    tenant_id blob not null references tenants (id),
    id blob not null,
    switch text not null,
    number_id blob,
    value text not null,
    set_at text not null,
    expires_at text,
    primary key (tenant_id, id),
    foreign key (tenant_id, number_id) references numbers (tenant_id, id) on delete cascade
) strict;
create unique index switches_of_number on switches (tenant_id, switch, number_id) where number_id is not null;
create unique index switches_of_tenant on switches (tenant_id, switch) where number_id is null;

-- The same for the whole installation. Not tenant data: every tenant's calls obey it, only the operator changes it.
create table installation_switches (
    switch text primary key,
    value text not null,
    set_at text not null,
    expires_at text
) strict;

-- The audit trail of what belongs to no tenant.
create table installation_audit_entries (
    id blob primary key,
    at text not null,
    actor_kind text not null,
    purpose text not null,
    action text not null,
    noun text not null,
    noun_id text
) strict;

-- A request with an Idempotency-Key and what was answered. The key belongs to tenant, credential and route, and only a
-- request of the same hash gets the answer. Without an answer the first request is still running, or its process died.
create table idempotency_keys (
    tenant_id blob not null references tenants (id),
    credential_id blob not null,
    route text not null,
    key_hash text not null,
    request_hash text not null,
    claimed_at text not null,
    status integer,
    content_type text,
    answer blob,
    primary key (tenant_id, credential_id, route, key_hash),
    foreign key (tenant_id, credential_id) references api_keys (tenant_id, id)
) strict;
create index idempotency_keys_by_time on idempotency_keys (tenant_id, claimed_at);
