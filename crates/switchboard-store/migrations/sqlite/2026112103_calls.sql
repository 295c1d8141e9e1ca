-- Calls and everything recorded about them. Technical tables (handshakes, model_sessions, the technical half of
-- call_events) hold ids, names and numbers; what people said stays in columns that can be erased apart.

create table calls (
    tenant_id blob not null references tenants (id),
    id blob not null,
    -- Null for channels without a carrier. Repeated webhooks of one call meet the unique constraint below.
    carrier_call_id text,
    conversation_id blob,
    contact_id blob,
    agent_name text not null,
    agent_version integer,
    channel text not null check (channel in ('phone', 'web_voice')),
    direction text not null check (direction in ('inbound', 'outbound')),
    number text,
    caller_number text,
    language text,
    location text,
    status text not null check (status in ('offered', 'ringing', 'answered', 'ended')),
    carrier_status text,
    -- How far the carrier's own word has come (0 offered … 3 ended); late words with a lower rank are dropped.
    carrier_rank integer not null,
    offered_at text not null,
    answered_at text,
    ended_at text,
    end_reason text,
    end_class text check (end_class in ('success', 'caller', 'us', 'upstream', 'unknown')),
    primary key (tenant_id, id),
    unique (tenant_id, carrier_call_id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
) strict;
create index calls_by_time on calls (tenant_id, offered_at);
create index calls_by_contact on calls (tenant_id, contact_id);
create index calls_by_carrier_call_id on calls (carrier_call_id);

create table model_sessions (
    tenant_id blob not null references tenants (id),
    call_id blob not null,
    -- 1 for the first connection of the call; a reopened one is the next.
    ordinal integer not null,
    provider text not null,
    model text not null,
    voice text,
    input_format text not null,
    output_format text not null,
    turn_detection text,
    tools text,
    limits text,
    instructions_version text,
    vendor_session_id text,
    opened_at text not null,
    ready_at text,
    closed_at text,
    close_reason text,
    primary key (tenant_id, call_id, ordinal),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
) strict;

create table call_events (
    tenant_id blob not null references tenants (id),
    call_id blob not null,
    seq integer not null,
    at text not null,
    name text not null,
    technical text not null,
    private text,
    primary key (tenant_id, call_id, seq),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
) strict;

-- What the call was fed, in batches, for replay: lengths, levels and scores, never samples.
create table call_inputs (
    tenant_id blob not null references tenants (id),
    call_id blob not null,
    batch integer not null,
    first_input integer not null,
    input_count integer not null,
    encoding text not null,
    payload blob not null,
    primary key (tenant_id, call_id, batch),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
) strict;

create table turns (
    tenant_id blob not null references tenants (id),
    call_id blob not null,
    seq integer not null,
    speaker text not null check (speaker in ('caller', 'agent', 'human', 'system')),
    generated_text text,
    sent_text text,
    heard_text text,
    language text,
    confidence real,
    interrupted integer not null,
    -- From the end of the caller's turn to the first reply audio sent.
    response_ms integer,
    -- How much of this turn's audio the caller heard.
    heard_ms integer,
    started_at text not null,
    ended_at text,
    primary key (tenant_id, call_id, seq),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
) strict;

create table tool_calls (
    tenant_id blob not null references tenants (id),
    call_id blob not null,
    seq integer not null,
    tool text not null,
    -- Where the tool lives: 'desk' for our own, else the name of its MCP server.
    server text not null,
    vendor_id text,
    idempotency_key text,
    status text not null check (status in ('requested', 'running', 'succeeded', 'failed', 'timed_out', 'refused', 'late')),
    arguments text not null,
    result text,
    started_at text not null,
    finished_at text,
    duration_ms integer,
    primary key (tenant_id, call_id, seq),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
) strict;

create table consents (
    tenant_id blob not null references tenants (id),
    id blob not null,
    contact_id blob,
    call_id blob,
    purpose text not null,
    wording text not null,
    language text not null,
    answer text not null check (answer in ('implied', 'granted', 'refused', 'none', 'withdrawn')),
    answer_text text,
    -- How much of the disclosure was heard; evidence that it was heard to its end.
    heard_ms integer,
    disclosed_at text not null,
    answered_at text,
    primary key (tenant_id, id),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
) strict;
create index consents_by_call on consents (tenant_id, call_id);
create index consents_by_contact on consents (tenant_id, contact_id);

-- A ledger: rows are added, never changed. The writer makes the id, so a row that is written again counts once.
create table usage (
    tenant_id blob not null references tenants (id),
    id blob not null,
    call_id blob,
    component text not null,
    provider text not null,
    model text not null,
    unit text not null,
    quantity integer not null,
    cost_micros integer not null,
    currency text not null check (length(currency) = 3),
    at text not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
) strict;
create index usage_by_time on usage (tenant_id, at);
create index usage_by_call on usage (tenant_id, call_id);

-- One row per call that tried a model. Technical only.
create table handshakes (
    tenant_id blob not null references tenants (id),
    call_id blob not null,
    started_at text not null,
    elapsed_ms integer not null,
    fell_back integer not null,
    reason text,
    primary key (tenant_id, call_id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
) strict;
create index handshakes_by_time on handshakes (tenant_id, started_at);

-- The right to open one media stream for one call. Only the hash is kept.
create table stream_tokens (
    tenant_id blob not null references tenants (id),
    id blob not null,
    token_hash text not null,
    call_id blob not null,
    carrier_call_id text not null,
    carrier_account_id text not null,
    created_at text not null,
    expires_at text not null,
    used_at text,
    primary key (tenant_id, id),
    unique (tenant_id, token_hash),
    -- One token per call: a repeated webhook cannot mint a second.
    unique (tenant_id, call_id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
) strict;
create index stream_tokens_by_hash on stream_tokens (token_hash);
