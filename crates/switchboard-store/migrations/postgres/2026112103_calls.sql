-- Calls and everything recorded about them. Technical tables (handshakes, model_sessions, the technical half of
-- call_events) hold ids, names and numbers; what people said stays in columns that can be erased apart.

create table calls (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    -- Null for channels without a carrier. Repeated webhooks of one call meet the unique constraint below.
    carrier_call_id text,
    conversation_id uuid,
    contact_id uuid,
    agent_name text not null,
    agent_version bigint,
    channel text not null check (channel in ('phone', 'web_voice')),
    direction text not null check (direction in ('inbound', 'outbound')),
    number text,
    caller_number text,
    language text,
    location text,
    status text not null check (status in ('offered', 'ringing', 'answered', 'ended')),
    carrier_status text,
    -- How far the carrier's own word has come (0 offered … 3 ended); late words with a lower rank are dropped.
    carrier_rank bigint not null,
    offered_at timestamptz not null,
    answered_at timestamptz,
    ended_at timestamptz,
    end_reason text,
    end_class text check (end_class in ('success', 'caller', 'us', 'upstream', 'unknown')),
    primary key (tenant_id, id),
    unique (tenant_id, carrier_call_id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
);
create index calls_by_time on calls (tenant_id, offered_at);
create index calls_by_contact on calls (tenant_id, contact_id);
create index calls_by_carrier_call_id on calls (carrier_call_id);

create table model_sessions (
    tenant_id uuid not null references tenants (id),
    call_id uuid not null,
    -- 1 for the first connection of the call; a reopened one is the next.
    ordinal bigint not null,
    provider text not null,
    model text not null,
    voice text,
    input_format text not null,
    output_format text not null,
    turn_detection jsonb,
    tools jsonb,
    limits jsonb,
    instructions_version text,
    vendor_session_id text,
    opened_at timestamptz not null,
    ready_at timestamptz,
    closed_at timestamptz,
    close_reason text,
    primary key (tenant_id, call_id, ordinal),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
);

create table call_events (
    tenant_id uuid not null references tenants (id),
    call_id uuid not null,
    seq bigint not null,
    at timestamptz not null,
    name text not null,
    technical jsonb not null,
    private jsonb,
    primary key (tenant_id, call_id, seq),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
);

-- What the call was fed, in batches, for replay: lengths, levels and scores, never samples.
create table call_inputs (
    tenant_id uuid not null references tenants (id),
    call_id uuid not null,
    batch bigint not null,
    first_input bigint not null,
    input_count bigint not null,
    encoding text not null,
    payload bytea not null,
    primary key (tenant_id, call_id, batch),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
);

create table turns (
    tenant_id uuid not null references tenants (id),
    call_id uuid not null,
    seq bigint not null,
    speaker text not null check (speaker in ('caller', 'agent', 'human', 'system')),
    generated_text text,
    sent_text text,
    heard_text text,
    language text,
    confidence double precision,
    interrupted boolean not null,
    -- From the end of the caller's turn to the first reply audio sent.
    response_ms bigint,
    -- How much of this turn's audio the caller heard.
    heard_ms bigint,
    started_at timestamptz not null,
    ended_at timestamptz,
    primary key (tenant_id, call_id, seq),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
);

create table tool_calls (
    tenant_id uuid not null references tenants (id),
    call_id uuid not null,
    seq bigint not null,
    tool text not null,
    -- Where the tool lives: 'desk' for our own, else the name of its MCP server.
    server text not null,
    vendor_id text,
    idempotency_key text,
    status text not null check (status in ('requested', 'running', 'succeeded', 'failed', 'timed_out', 'refused', 'late')),
    arguments jsonb not null,
    result jsonb,
    started_at timestamptz not null,
    finished_at timestamptz,
    duration_ms bigint,
    primary key (tenant_id, call_id, seq),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
);

create table consents (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    contact_id uuid,
    call_id uuid,
    purpose text not null,
    wording text not null,
    language text not null,
    answer text not null check (answer in ('implied', 'granted', 'refused', 'none', 'withdrawn')),
    answer_text text,
    -- How much of the disclosure was heard; evidence that it was heard to its end.
    heard_ms bigint,
    disclosed_at timestamptz not null,
    answered_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
);
create index consents_by_call on consents (tenant_id, call_id);
create index consents_by_contact on consents (tenant_id, contact_id);

-- A ledger: rows are added, never changed. The writer makes the id, so a row that is written again counts once.
create table usage (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    call_id uuid,
    component text not null,
    provider text not null,
    model text not null,
    unit text not null,
    quantity bigint not null,
    cost_micros bigint not null,
    currency text not null check (length(currency) = 3),
    at timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
);
create index usage_by_time on usage (tenant_id, at);
create index usage_by_call on usage (tenant_id, call_id);

-- One row per call that tried a model. Technical only.
create table handshakes (
    tenant_id uuid not null references tenants (id),
    call_id uuid not null,
    started_at timestamptz not null,
    elapsed_ms bigint not null,
    fell_back boolean not null,
    reason text,
    primary key (tenant_id, call_id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
);
create index handshakes_by_time on handshakes (tenant_id, started_at);

-- The right to open one media stream for one call. Only the hash is kept.
create table stream_tokens (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    token_hash text not null,
    call_id uuid not null,
    carrier_call_id text not null,
    carrier_account_id text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, token_hash),
    -- One token per call: a repeated webhook cannot mint a second.
    unique (tenant_id, call_id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
);
create index stream_tokens_by_hash on stream_tokens (token_hash);

-- Row security, as in the first migration.
do $$
declare
    t text;
begin
    foreach t in array array['calls', 'model_sessions', 'call_events', 'call_inputs', 'turns', 'tool_calls',
                             'consents', 'usage', 'handshakes', 'stream_tokens']
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy tenant_scope on %I to switchboard_app
                        using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)
                        with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', t);
        execute format('grant select, insert, update, delete on %I to switchboard_app', t);
    end loop;
end $$;

-- The ledger only grows.
revoke update, delete on usage from switchboard_app;

create policy lookup_call on calls for select to switchboard_app
    using (carrier_call_id = nullif(current_setting('app.lookup', true), ''));
create policy lookup_token on stream_tokens for select to switchboard_app
    using (token_hash = nullif(current_setting('app.lookup', true), ''));
