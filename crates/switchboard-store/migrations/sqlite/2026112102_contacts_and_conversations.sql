-- People outside the tenant, what is known about them, and the threads held with them on any channel.

create table contacts (
    tenant_id blob not null references tenants (id),
    id blob not null,
    name text,
    -- Lower case with single blanks. Kept as a column because the databases disagree about lower() beyond ASCII.
    name_key text,
    language text,
    time_zone text,
    created_at text not null,
    updated_at text not null,
    primary key (tenant_id, id)
) strict;
create index contacts_by_name on contacts (tenant_id, name_key);

create table contact_addresses (
    tenant_id blob not null references tenants (id),
    id blob not null,
    contact_id blob not null,
    kind text not null check (kind in ('phone', 'email', 'postal')),
    value text not null,
    lookup_key text not null,
    created_at text not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
) strict;
-- A telephone number or e-mail address leads to one contact; a postal address may be shared.
create unique index contact_addresses_by_key on contact_addresses (tenant_id, kind, lookup_key)
    where kind in ('phone', 'email');
create index contact_addresses_by_contact on contact_addresses (tenant_id, contact_id);

create table memories (
    tenant_id blob not null references tenants (id),
    id blob not null,
    contact_id blob not null,
    topic text not null,
    fact text not null,
    source text not null,
    confidence real,
    created_at text not null,
    expires_at text,
    primary key (tenant_id, id),
    unique (tenant_id, contact_id, topic),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
) strict;

create table conversations (
    tenant_id blob not null references tenants (id),
    id blob not null,
    contact_id blob,
    channel text not null check (channel in ('phone', 'web_voice', 'sms', 'whatsapp', 'email')),
    status text not null check (status in ('open', 'closed')),
    satisfaction real,
    outcome text,
    created_at text not null,
    updated_at text not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
) strict;
create index conversations_by_time on conversations (tenant_id, updated_at);
create index conversations_by_contact on conversations (tenant_id, contact_id);

create table messages (
    tenant_id blob not null references tenants (id),
    id blob not null,
    conversation_id blob not null,
    channel text not null check (channel in ('phone', 'web_voice', 'sms', 'whatsapp', 'email')),
    speaker text not null check (speaker in ('caller', 'agent', 'human', 'system')),
    -- The carrier's id of the message, so that a webhook that comes twice stores it once.
    vendor_id text,
    body text not null,
    created_at text not null,
    primary key (tenant_id, id),
    unique (tenant_id, channel, vendor_id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
) strict;
create index messages_by_conversation on messages (tenant_id, conversation_id, created_at);
