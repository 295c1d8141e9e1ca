-- What became of callers who were handed to people: each party that was rung, and each message that was left.

-- One row per party rung for a call, in order. Technical: a configured name and words, never a number.
create table transfers (
    tenant_id blob not null references tenants (id),
    call_id blob not null,
    -- 1 for the first party of the call; the next one is tried when nobody took it.
    ordinal integer not null,
    reason text not null,
    target text not null,
    kind text not null check (kind in ('number', 'group', 'sip', 'queue')),
    status text not null check (status in ('offered', 'ringing', 'accepted', 'declined', 'busy', 'no_answer', 'failed',
                                           'machine')),
    -- How much is known: 0 offered, 1 ringing, 2 accepted, 3 over as far as the end of the call shows, 4 over by the
    -- carrier's own word. Webhooks come in any order, and the one who knows more is believed.
    rank integer not null,
    -- How many lines ring for it at once.
    legs integer not null,
    -- A row that nobody ever ends stops counting here against the lines a tenant may ring.
    counts_until text not null,
    started_at text not null,
    ended_at text,
    talked_s integer,
    primary key (tenant_id, call_id, ordinal),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
) strict;
create index transfers_by_time on transfers (tenant_id, started_at);
create index transfers_open on transfers (tenant_id, counts_until) where rank < 3;

-- Whoever counts the tenant's lines changes this row first, so the next one waits here on both databases.
create table human_lines (
    tenant_id blob not null references tenants (id),
    version integer not null,
    primary key (tenant_id)
) strict;

create table voicemails (
    tenant_id blob not null references tenants (id),
    id blob not null,
    call_id blob not null,
    -- The carrier's id of the recording: the same webhook again is the same message.
    recording_id text not null,
    length_s integer,
    -- Where the audio is in our archive; null until it was fetched.
    object_key text,
    recorded_at text not null,
    heard_at text,
    transcript text,
    transcript_language text,
    primary key (tenant_id, id),
    unique (tenant_id, recording_id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
) strict;
create index voicemails_by_time on voicemails (tenant_id, recorded_at);
create index voicemails_by_call on voicemails (tenant_id, call_id);
