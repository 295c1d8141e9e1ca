-- Calls that we place, and who must not be reached any more.

-- An opt-out belongs to an address and stops every channel, so that it also holds for a contact made later.
create table opt_outs (
    tenant_id blob not null references tenants (id),
    kind text not null check (kind in ('phone', 'email')),
    lookup_key text not null,
    -- Where it came from: the operator, an API client, the person in a call.
    source text not null,
    created_at text not null,
    primary key (tenant_id, kind, lookup_key)
) strict;

-- One wish to call somebody. Its tries are calls of their own; the first has the id of the wish.
create table outgoing_calls (
    tenant_id blob not null references tenants (id),
    id blob not null,
    contact_id blob not null,
    agent_name text not null,
    purpose text not null,
    to_number text not null,
    from_number text not null,
    -- What the agent is told about it. Personal content.
    context text,
    not_before text not null,
    not_after text not null,
    state text not null check (state in ('waiting', 'dialling', 'done', 'gave_up', 'refused', 'expired')),
    -- The last outcome as a technical word: an end reason, a refusal.
    outcome text,
    attempts integer not null,
    created_at text not null,
    updated_at text not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
) strict;
create index outgoing_calls_by_time on outgoing_calls (tenant_id, created_at);
create index outgoing_calls_by_contact on outgoing_calls (tenant_id, contact_id);

-- One try. It is written before the carrier is asked, so that a crash between the two rings nobody twice.
create table outgoing_attempts (
    tenant_id blob not null references tenants (id),
    call_id blob not null,
    outgoing_call_id blob not null,
    ordinal integer not null,
    -- The carrier's detection; the first word stays.
    answered_by text,
    started_at text not null,
    primary key (tenant_id, call_id),
    unique (tenant_id, outgoing_call_id, ordinal),
    foreign key (tenant_id, call_id) references calls (tenant_id, id),
    foreign key (tenant_id, outgoing_call_id) references outgoing_calls (tenant_id, id)
) strict;
