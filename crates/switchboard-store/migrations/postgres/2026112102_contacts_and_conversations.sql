-- People outside the tenant, what is known about them, and the threads held with them on any channel.

create table contacts (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    name text,
    -- Lower case with single blanks. Kept as a column because the databases disagree about lower() beyond ASCII.
    name_key text,
    language text,
    time_zone text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id)
);
create index contacts_by_name on contacts (tenant_id, name_key);

create table contact_addresses (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    contact_id uuid not null,
    kind text not null check (kind in ('phone', 'email', 'postal')),
    value text not null,
    lookup_key text not null,
    created_at timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
);
-- A telephone number or e-mail address leads to one contact; a postal address may be shared.
create unique index contact_addresses_by_key on contact_addresses (tenant_id, kind, lookup_key)
    where kind in ('phone', 'email');
create index contact_addresses_by_contact on contact_addresses (tenant_id, contact_id);

create table memories (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    contact_id uuid not null,
    topic text not null,
    fact text not null,
    source text not null,
    confidence double precision,
    created_at timestamptz not null,
    expires_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, contact_id, topic),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
);

create table conversations (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    contact_id uuid,
    channel text not null check (channel in ('phone', 'web_voice', 'sms', 'whatsapp', 'email')),
    status text not null check (status in ('open', 'closed')),
    satisfaction double precision,
    outcome text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
);
create index conversations_by_time on conversations (tenant_id, updated_at);
create index conversations_by_contact on conversations (tenant_id, contact_id);

create table messages (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    conversation_id uuid not null,
    channel text not null check (channel in ('phone', 'web_voice', 'sms', 'whatsapp', 'email')),
    speaker text not null check (speaker in ('caller', 'agent', 'human', 'system')),
    -- The carrier's id of the message, so that a webhook that comes twice stores it once.
    vendor_id text,
    body text not null,
    created_at timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, channel, vendor_id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
create index messages_by_conversation on messages (tenant_id, conversation_id, created_at);

-- Row security, as in the first migration.
do $$
declare
    t text;
begin
    foreach t in array array['contacts', 'contact_addresses', 'memories', 'conversations', 'messages']
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy tenant_scope on %I to switchboard_app
                        using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)
                        with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', t);
        execute format('grant select, insert, update, delete on %I to switchboard_app', t);
    end loop;
end $$;
