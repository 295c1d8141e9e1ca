-- Calls that we place, and who must not be reached any more.

-- An opt-out belongs to an address and stops every channel, so that it also holds for a contact made later.
create table opt_outs (
    tenant_id uuid not null references tenants (id),
    kind text not null check (kind in ('phone', 'email')),
    lookup_key text not null,
    -- Where it came from: the operator, an API client, the person in a call.
    source text not null,
    created_at timestamptz not null,
    primary key (tenant_id, kind, lookup_key)
);

-- One wish to call somebody. Its tries are calls of their own; the first has the id of the wish.
create table outgoing_calls (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    contact_id uuid not null,
    agent_name text not null,
    purpose text not null,
    to_number text not null,
    from_number text not null,
    -- What the agent is told about it. Personal content.
    context text,
    not_before timestamptz not null,
    not_after timestamptz not null,
    state text not null check (state in ('waiting', 'dialling', 'done', 'gave_up', 'refused', 'expired')),
    -- The last outcome as a technical word: an end reason, a refusal.
    outcome text,
    attempts bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
);
create index outgoing_calls_by_time on outgoing_calls (tenant_id, created_at);
create index outgoing_calls_by_contact on outgoing_calls (tenant_id, contact_id);

-- One try. It is written before the carrier is asked, so that a crash between the two rings nobody twice.
create table outgoing_attempts (
    tenant_id uuid not null references tenants (id),
    call_id uuid not null,
    outgoing_call_id uuid not null,
    ordinal bigint not null,
    -- The carrier's detection; the first word stays.
    answered_by text,
    started_at timestamptz not null,
    primary key (tenant_id, call_id),
    unique (tenant_id, outgoing_call_id, ordinal),
    foreign key (tenant_id, call_id) references calls (tenant_id, id),
    foreign key (tenant_id, outgoing_call_id) references outgoing_calls (tenant_id, id)
);

-- Row security, as in the first migration.
do $$
declare
    t text;
begin
    foreach t in array array['opt_outs', 'outgoing_calls', 'outgoing_attempts']
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy tenant_scope on %I to switchboard_app
                        using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)
                        with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', t);
        execute format('grant select, insert, update, delete on %I to switchboard_app', t);
    end loop;
end $$;
