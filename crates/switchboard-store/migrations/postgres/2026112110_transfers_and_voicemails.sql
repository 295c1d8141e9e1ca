-- What became of callers who were handed to people: each party that was rung, and each message that was left.

-- One row per party rung for a call, in order. Technical: a configured name and words, never a number.
create table transfers (
    tenant_id uuid not null references tenants (id),
    call_id uuid not null,
    -- 1 for the first party of the call; the next one is tried when nobody took it.
    ordinal bigint not null,
    reason text not null,
    target text not null,
    kind text not null check (kind in ('number', 'group', 'sip', 'queue')),
    status text not null check (status in ('offered', 'ringing', 'accepted', 'declined', 'busy', 'no_answer', 'failed',
                                           'machine')),
    -- How much is known: 0 offered, 1 ringing, 2 accepted, 3 over as far as the end of the call shows, 4 over by the
    -- carrier's own word. Webhooks come in any order, and the one who knows more is believed.
    rank bigint not null,
    -- How many lines ring for it at once.
    legs bigint not null,
    -- A row that nobody ever ends stops counting here against the lines a tenant may ring.
    counts_until timestamptz not null,
    started_at timestamptz not null,
    ended_at timestamptz,
    talked_s bigint,
    primary key (tenant_id, call_id, ordinal),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
);
create index transfers_by_time on transfers (tenant_id, started_at);
create index transfers_open on transfers (tenant_id, counts_until) where rank < 3;

-- Whoever counts the tenant's lines changes this row first, so the next one waits here on both databases.
create table human_lines (
    tenant_id uuid not null references tenants (id),
    version bigint not null,
    primary key (tenant_id)
);

create table voicemails (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    call_id uuid not null,
    -- The carrier's id of the recording: the same webhook again is the same message.
    recording_id text not null,
    length_s bigint,
    -- Where the audio is in our archive; null until it was fetched.
    object_key text,
    recorded_at timestamptz not null,
    heard_at timestamptz,
    transcript text,
    transcript_language text,
    primary key (tenant_id, id),
    unique (tenant_id, recording_id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
);
create index voicemails_by_time on voicemails (tenant_id, recorded_at);
create index voicemails_by_call on voicemails (tenant_id, call_id);

-- Row security, as in the first migration.
do $$
declare
    t text;
begin
    foreach t in array array['transfers', 'human_lines', 'voicemails']
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy tenant_scope on %I to switchboard_app
                        using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)
                        with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', t);
        execute format('grant select, insert, update, delete on %I to switchboard_app', t);
    end loop;
end $$;
