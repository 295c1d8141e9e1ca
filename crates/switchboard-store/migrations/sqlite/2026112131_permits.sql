-- Permits that all nodes share. On SQLite one process counts in its memory, and these stay empty. A limit is a number of slots; a call takes one of each scope that limits it.

-- Who is alive: a node renews its lease, and a node whose lease has lapsed has died or been frozen. Holds no tenant data.
create table nodes (
    id blob primary key,
    lease_until text not null
) strict;

-- Not referring to nodes and calls on purpose: a permit is taken before its call is stored, and outlives its node.
create table permit_slots (
    tenant_id blob not null references tenants (id),
    -- 'tenant', or 'agent' and its name.
    scope text not null,
    slot integer not null,
    node_id blob,
    call_id blob,
    primary key (tenant_id, scope, slot)
) strict;

-- The same for accounts of model providers, which all tenants share.
create table account_slots (
    account text not null,
    slot integer not null,
    node_id blob,
    call_id blob,
    primary key (account, slot)
) strict;
