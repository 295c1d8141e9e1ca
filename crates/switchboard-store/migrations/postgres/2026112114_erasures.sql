-- Who was erased. A backup still knows them, so this list is applied again after a restore. It holds ids and hashes
-- made with the installation's key: without that key they lead to nobody. There are no foreign keys: the rows are gone.

create table erasures (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    contact_id uuid,
    -- JSON arrays.
    address_hashes jsonb not null,
    call_ids jsonb not null,
    conversation_ids jsonb not null,
    erased_at timestamptz not null,
    primary key (tenant_id, id)
);
create index erasures_by_time on erasures (tenant_id, erased_at);

alter table erasures enable row level security;
alter table erasures force row level security;
create policy tenant_scope on erasures to switchboard_app
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- The list only grows.
grant select, insert on erasures to switchboard_app;
