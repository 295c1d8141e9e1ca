-- Switches that act without a restart, and the answers that repeated API requests get.

-- What the operator or the tenant switched, away from the settings. A row without a number is for the whole tenant;
-- the most specific row wins. A row that has expired counts as gone.
create table switches (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    switch text not null,
    number_id uuid,
    value text not null,
    set_at timestamptz not null,
    expires_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, number_id) references numbers (tenant_id, id) on delete cascade
);
create unique index switches_of_number on switches (tenant_id, switch, number_id) where number_id is not null;
create unique index switches_of_tenant on switches (tenant_id, switch) where number_id is null;

-- The same for the whole installation. Not tenant data: every tenant's calls obey it, only the operator changes it.
create table installation_switches (
    switch text primary key,
    value text not null,
    set_at timestamptz not null,
    expires_at timestamptz
);

-- The audit trail of what belongs to no tenant.
create table installation_audit_entries (
    id uuid primary key,
    at timestamptz not null,
    actor_kind text not null,
    purpose text not null,
    action text not null,
    noun text not null,
    noun_id text
);

-- A request with an Idempotency-Key and what was answered. The key belongs to tenant, credential and route, and only a
-- request of the same hash gets the answer. Without an answer the first request is still running, or its process died.
create table idempotency_keys (
    tenant_id uuid not null references tenants (id),
    credential_id uuid not null,
    route text not null,
    key_hash text not null,
    request_hash text not null,
    claimed_at timestamptz not null,
    status bigint,
    content_type text,
    answer bytea,
    primary key (tenant_id, credential_id, route, key_hash),
    foreign key (tenant_id, credential_id) references api_keys (tenant_id, id)
);
create index idempotency_keys_by_time on idempotency_keys (tenant_id, claimed_at);

-- Row security, as in the first migration.
do $$
declare
    t text;
begin
    foreach t in array array['switches', 'idempotency_keys']
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy tenant_scope on %I to switchboard_app
                        using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)
                        with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', t);
        execute format('grant select, insert, update, delete on %I to switchboard_app', t);
    end loop;
    foreach t in array array['installation_switches', 'installation_audit_entries']
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy installation_scope on %I to switchboard_app
                        using (current_setting(''app.installation'', true) = ''on'')
                        with check (current_setting(''app.installation'', true) = ''on'')', t);
        execute format('grant select, insert, update, delete on %I to switchboard_app', t);
    end loop;
end $$;

create policy lookup_installation_switch on installation_switches for select to switchboard_app using (true);

revoke update, delete on installation_audit_entries from switchboard_app;
