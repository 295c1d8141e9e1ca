-- The outbox: which mails were asked for, and how far each one came, so that none is sent twice. A row holds neither
-- words nor addresses: the mail is written from what is stored at the moment it is sent, so what was erased by then
-- is in no mail.

create table mails (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    kind text not null,
    -- What the mail is about, such as the id of a call. One mail per kind and key, for ever.
    key text not null,
    call_id uuid,
    -- What sends it, to be tried again by hand.
    job_id uuid,
    -- `sending` is stored before the words leave us. Whoever finds it there later cannot know whether they arrived.
    state text not null check (state in ('waiting', 'sending', 'sent', 'uncertain', 'failed')),
    attempts bigint not null,
    last_error text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, kind, key),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
);
create index mails_by_state on mails (tenant_id, state, updated_at);
create index mails_by_call on mails (tenant_id, call_id);

alter table mails enable row level security;
alter table mails force row level security;
create policy tenant_scope on mails to switchboard_app
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on mails to switchboard_app;
