-- Work that outlives the call or request that caused it: deliveries, mails, transcriptions. A row holds ids and words
-- only (I6), because workers read the rows of all tenants: whoever runs a job loads its data in the tenant's own scope.

create table jobs (
    tenant_id blob not null references tenants (id),
    id blob not null,
    kind text not null,
    -- Makes it harmless to ask for the same work twice, such as the id of the call it is about.
    key text not null,
    -- Names and ids, nothing else.
    ids text not null,
    state text not null check (state in ('waiting', 'running', 'done', 'failed', 'cancelled')),
    run_at text not null,
    attempts integer not null,
    -- Who runs it and until when; past that moment somebody else may. With `attempts` it names one run.
    worker blob,
    leased_until text,
    last_error text,
    created_at text not null,
    updated_at text not null,
    primary key (tenant_id, id),
    unique (tenant_id, kind, key),
    check ((state = 'running') = (leased_until is not null))
) strict;
create index jobs_by_state on jobs (tenant_id, state, updated_at);
-- Workers look for what is due over all tenants.
create index jobs_by_run_at on jobs (run_at) where state in ('waiting', 'running');
