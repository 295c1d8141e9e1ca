-- Recordings of calls, and evidence of what was disclosed. The audio itself lies in the archive under object_key; a row
-- outlives its audio, so that an erasure can be shown.

alter table consents add column version text;
-- Whether the disclosure was heard to its end; heard_ms says how much of it was heard.
alter table consents add column complete integer check (complete in (0, 1));

create table recordings (
    tenant_id blob not null references tenants (id),
    id blob not null,
    call_id blob not null,
    source text not null check (source in ('tap', 'twilio')),
    layout text not null check (layout in ('caller_left_agent_right', 'mono')),
    status text not null check (status in ('recording', 'stored', 'broken', 'erased')),
    started_at text not null,
    -- From the offered call to the recording's first sample.
    offset_ms integer not null,
    length_ms integer,
    -- Silence in place of audio that could not be taken in time.
    dropped_ms integer,
    bytes integer,
    checksum text,
    object_key text not null,
    retained_until text,
    erased_at text,
    primary key (tenant_id, id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
) strict;
create index recordings_by_call on recordings (tenant_id, call_id);
create index recordings_by_retention on recordings (tenant_id, retained_until);
