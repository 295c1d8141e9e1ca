-- The outbox: which mails were asked for, and how far each one came, so that none is sent twice. A row holds neither
-- words nor addresses: the mail is written from what is stored at the moment it is sent, so what was erased by then
-- is in no mail.

create table mails (
    tenant_id blob not null references tenants (id),
    id blob not null,
    kind text not null,
    -- What the mail is about, such as the id of a call. One mail per kind and key, for ever.
    key text not null,
    call_id blob,
    -- What sends it, to be tried again by hand.
    job_id blob,
    -- `sending` is stored before the words leave us. Whoever finds it there later cannot know whether they arrived.
    state text not null check (state in ('waiting', 'sending', 'sent', 'uncertain', 'failed')),
    attempts integer not null,
    last_error text,
    created_at text not null,
    updated_at text not null,
    primary key (tenant_id, id),
    unique (tenant_id, kind, key),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
) strict;
create index mails_by_state on mails (tenant_id, state, updated_at);
create index mails_by_call on mails (tenant_id, call_id);
