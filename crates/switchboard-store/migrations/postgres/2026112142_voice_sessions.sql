-- Talks from browsers and apps: tokens that start one, and the tenants' own issuers of tokens for their app's users.

-- The right to start one session, or a session that an app's user started without one. Its id becomes the call's.
-- Not referring to calls on purpose: most tokens are minted before there is one, and some never start any.
create table voice_sessions (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    -- Only the hash is kept: a stolen database starts no session.
    token_hash text,
    agent_name text not null,
    -- The app's own id of its user.
    user_id text,
    contact_id uuid,
    project_id text,
    -- What the agent is told about the session.
    context text,
    -- Kind and id of the one it was made for: what is counted when somebody asks for too many.
    minter text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    started_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, token_hash),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
);
create index voice_sessions_by_token on voice_sessions (token_hash);
create index voice_sessions_by_minter on voice_sessions (tenant_id, minter, expires_at);

-- Who vouches for a tenant's app users. Two tenants may name the same issuer: the key decides whose token it is, and
-- where even that is the same, the earlier one answers.
create table app_issuers (
    tenant_id uuid not null references tenants (id),
    issuer text not null,
    audience text not null,
    algorithm text not null,
    -- One of the two: a shared secret, sealed by the server, or the address of public keys.
    sealed_secret bytea,
    jwks_url text,
    -- A list of the agents its users may talk to.
    agents jsonb not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, issuer),
    check ((sealed_secret is null) <> (jwks_url is null))
);
create index app_issuers_by_issuer on app_issuers (issuer);

do $$
declare
    t text;
begin
    foreach t in array array['voice_sessions', 'app_issuers']
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy tenant_scope on %I to switchboard_app
                        using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)
                        with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', t);
        execute format('grant select, insert, update, delete on %I to switchboard_app', t);
    end loop;
end $$;

create policy lookup_voice_session on voice_sessions for select to switchboard_app
    using (token_hash = nullif(current_setting('app.lookup', true), ''));
create policy lookup_app_issuer on app_issuers for select to switchboard_app
    using (issuer = nullif(current_setting('app.lookup', true), ''));
