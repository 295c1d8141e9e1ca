-- Outgoing webhooks: where a tenant wants to be told of what happened, what it was told, and every try. What is told
-- holds ids, words and times only; whoever needs more asks the API.

create table webhook_endpoints (
    tenant_id blob not null references tenants (id),
    id blob not null,
    url text not null,
    -- Sealed by the server. The one before it signs too until its moment, so that a change loses nothing.
    sealed_secret blob not null,
    previous_secret blob,
    previous_until text,
    -- A list of the events it wants.
    events text not null,
    state text not null check (state in ('enabled', 'disabled', 'removed')),
    -- Since when every try has failed.
    failing_since text,
    created_at text not null,
    updated_at text not null,
    primary key (tenant_id, id)
) strict;

-- One event for one endpoint. Its id is the `webhook-id` of every try.
create table webhook_deliveries (
    tenant_id blob not null references tenants (id),
    id blob not null,
    endpoint_id blob not null,
    event text not null,
    -- What it is about; with the event it happens once.
    key text not null,
    payload text not null,
    occurred_at text not null,
    state text not null check (state in ('waiting', 'delivered', 'failed')),
    created_at text not null,
    updated_at text not null,
    primary key (tenant_id, id),
    unique (tenant_id, endpoint_id, event, key),
    foreign key (tenant_id, endpoint_id) references webhook_endpoints (tenant_id, id)
) strict;
create index webhook_deliveries_by_time on webhook_deliveries (tenant_id, created_at);

-- Every try. Nothing of what the other side answered but its status.
create table webhook_attempts (
    tenant_id blob not null references tenants (id),
    delivery_id blob not null,
    ordinal integer not null,
    at text not null,
    status integer,
    error text,
    duration_ms integer not null,
    primary key (tenant_id, delivery_id, ordinal),
    foreign key (tenant_id, delivery_id) references webhook_deliveries (tenant_id, id)
) strict;
create index webhook_attempts_by_time on webhook_attempts (tenant_id, at);
