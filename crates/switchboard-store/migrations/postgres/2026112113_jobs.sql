-- Work that outlives the call or request that caused it: deliveries, mails, transcriptions. A row holds ids and words
-- only (I6), because the workers' role reads the rows of all tenants: whoever runs a job loads its data in the tenant's
-- own scope.

create table jobs (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    kind text not null,
    -- Makes it harmless to ask for the same work twice, such as the id of the call it is about.
    key text not null,
    -- Names and ids, nothing else.
    ids jsonb not null,
    state text not null check (state in ('waiting', 'running', 'done', 'failed', 'cancelled')),
    run_at timestamptz not null,
    attempts bigint not null,
    -- Who runs it and until when; past that moment somebody else may. With `attempts` it names one run.
    worker uuid,
    leased_until timestamptz,
    last_error text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, kind, key),
    check ((state = 'running') = (leased_until is not null))
);
create index jobs_by_state on jobs (tenant_id, state, updated_at);
-- Workers look for what is due over all tenants.
create index jobs_by_run_at on jobs (run_at) where state in ('waiting', 'running');

alter table jobs enable row level security;
alter table jobs force row level security;
create policy tenant_scope on jobs to switchboard_app
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on jobs to switchboard_app;

-- The workers' role sees this table and no other, and may change nothing but who runs a job.
create policy worker_sees on jobs for select to switchboard_worker using (true);
create policy worker_leases on jobs for update to switchboard_worker using (true) with check (true);
grant select on jobs to switchboard_worker;
grant update (state, attempts, worker, leased_until, updated_at) on jobs to switchboard_worker;
