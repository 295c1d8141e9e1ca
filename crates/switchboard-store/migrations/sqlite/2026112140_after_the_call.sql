-- What is known when a call is over: who has the audio of a message and what is said in it, what the agent took down,
-- and which appointment a call of ours reminds of.

-- The account at the carrier that has the audio; null for messages that were there before this.
alter table voicemails add column account_id text;
-- Whether the caller was told, before the tone, that the message is written down.
alter table voicemails add column disclosed integer not null default 0 check (disclosed in (0, 1));
-- What became of the writing down, as a technical word; null while it is not decided.
alter table voicemails add column transcription text;

-- What an agent took down in a call: name, address, job, urgency. Personal content, apart from the transcript.
create table captured_fields (
    tenant_id blob not null references tenants (id),
    call_id blob not null,
    field text not null,
    value text not null,
    created_at text not null,
    updated_at text not null,
    primary key (tenant_id, call_id, field),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
) strict;
create index captured_fields_by_time on captured_fields (tenant_id, updated_at);

-- A reminder stands as long as its appointment does, at the time it was made for.
alter table outgoing_calls add column appointment_id blob;
alter table outgoing_calls add column appointment_at text;
