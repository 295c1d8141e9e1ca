-- Who was erased. A backup still knows them, so this list is applied again after a restore. It holds ids and hashes
-- made with the installation's key: without that key they lead to nobody. There are no foreign keys: the rows are gone.

create table erasures (
    tenant_id blob not null references tenants (id),
    id blob not null,
    contact_id blob,
    -- JSON arrays.
    address_hashes text not null,
    call_ids text not null,
    conversation_ids text not null,
    erased_at text not null,
    primary key (tenant_id, id)
) strict;
create index erasures_by_time on erasures (tenant_id, erased_at);
