-- Permits that all nodes share. A limit is a number of slots; a call takes one of each scope that limits it.

-- Who is alive: a node renews its lease, and a node whose lease has lapsed has died or been frozen. Holds no tenant data.
create table nodes (
    id uuid primary key,
    lease_until timestamptz not null
);

-- Not referring to nodes and calls on purpose: a permit is taken before its call is stored, and outlives its node.
create table permit_slots (
    tenant_id uuid not null references tenants (id),
    -- 'tenant', or 'agent' and its name.
    scope text not null,
    slot bigint not null,
    node_id uuid,
    call_id uuid,
    primary key (tenant_id, scope, slot)
);

-- The same for accounts of model providers, which all tenants share.
create table account_slots (
    account text not null,
    slot bigint not null,
    node_id uuid,
    call_id uuid,
    primary key (account, slot)
);

alter table permit_slots enable row level security;
alter table permit_slots force row level security;
create policy tenant_scope on permit_slots to switchboard_app
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on permit_slots, nodes, account_slots to switchboard_app;
