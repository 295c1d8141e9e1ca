-- Recordings of calls, and evidence of what was disclosed. The audio itself lies in the archive under object_key; a row
-- outlives its audio, so that an erasure can be shown.

alter table consents add column version text;
-- Whether the disclosure was heard to its end; heard_ms says how much of it was heard.
alter table consents add column complete boolean;

create table recordings (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    call_id uuid not null,
    source text not null check (source in ('tap', 'twilio')),
    layout text not null check (layout in ('caller_left_agent_right', 'mono')),
    status text not null check (status in ('recording', 'stored', 'broken', 'erased')),
    started_at timestamptz not null,
    -- From the offered call to the recording's first sample.
    offset_ms bigint not null,
    length_ms bigint,
    -- Silence in place of audio that could not be taken in time.
    dropped_ms bigint,
    bytes bigint,
    checksum text,
    object_key text not null,
    retained_until timestamptz,
    erased_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
);
create index recordings_by_call on recordings (tenant_id, call_id);
create index recordings_by_retention on recordings (tenant_id, retained_until);

-- Row security, as in the first migration.
alter table recordings enable row level security;
alter table recordings force row level security;
create policy tenant_scope on recordings to switchboard_app
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on recordings to switchboard_app;
