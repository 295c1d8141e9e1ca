-- Outgoing webhooks: where a tenant wants to be told of what happened, what it was told, and every try. What is told
-- holds ids, words and times only; whoever needs more asks the API.

create table webhook_endpoints (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    url text not null,
    -- Sealed by the server. The one before it signs too until its moment, so that a change loses nothing.
    sealed_secret bytea not null,
    previous_secret bytea,
    previous_until timestamptz,
    -- A list of the events it wants.
    events jsonb not null,
    state text not null check (state in ('enabled', 'disabled', 'removed')),
    -- Since when every try has failed.
    failing_since timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id)
);

-- One event for one endpoint. Its id is the `webhook-id` of every try.
create table webhook_deliveries (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    endpoint_id uuid not null,
    event text not null,
    -- What it is about; with the event it happens once.
    key text not null,
    payload jsonb not null,
    occurred_at timestamptz not null,
    state text not null check (state in ('waiting', 'delivered', 'failed')),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, endpoint_id, event, key),
    foreign key (tenant_id, endpoint_id) references webhook_endpoints (tenant_id, id)
);
create index webhook_deliveries_by_time on webhook_deliveries (tenant_id, created_at);

-- Every try. Nothing of what the other side answered but its status.
create table webhook_attempts (
    tenant_id uuid not null references tenants (id),
    delivery_id uuid not null,
    ordinal bigint not null,
    at timestamptz not null,
    status bigint,
    error text,
    duration_ms bigint not null,
    primary key (tenant_id, delivery_id, ordinal),
    foreign key (tenant_id, delivery_id) references webhook_deliveries (tenant_id, id)
);
create index webhook_attempts_by_time on webhook_attempts (tenant_id, at);

do $$
declare
    t text;
begin
    foreach t in array array['webhook_endpoints', 'webhook_deliveries', 'webhook_attempts']
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy tenant_scope on %I to switchboard_app
                        using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)
                        with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', t);
        execute format('grant select, insert, update, delete on %I to switchboard_app', t);
    end loop;
end $$;
