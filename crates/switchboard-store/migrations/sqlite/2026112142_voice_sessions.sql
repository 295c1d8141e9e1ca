-- Talks from browsers and apps: tokens that start one, and the tenants' own issuers of tokens for their app's users.

-- The right to start one session, or a session that an app's user started without one. Its id becomes the call's.
-- Not referring to calls on purpose: most tokens are minted before there is one, and some never start any.
create table voice_sessions (
    tenant_id blob not null references tenants (id),
    id blob not null,
    -- Only the hash is kept: a stolen database starts no session.
    token_hash text,
    agent_name text not null,
    -- The app's own id of its user.
    user_id text,
    contact_id blob,
    project_id text,
    -- What the agent is told about the session.
    context text,
    -- Kind and id of the one it was made for: what is counted when somebody asks for too many.
    minter text not null,
    created_at text not null,
    expires_at text not null,
    started_at text,
    primary key (tenant_id, id),
    unique (tenant_id, token_hash),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
) strict;
create index voice_sessions_by_token on voice_sessions (token_hash);
create index voice_sessions_by_minter on voice_sessions (tenant_id, minter, expires_at);

-- Who vouches for a tenant's app users. Two tenants may name the same issuer: the key decides whose token it is, and
-- where even that is the same, the earlier one answers.
create table app_issuers (
    tenant_id blob not null references tenants (id),
    issuer text not null,
    audience text not null,
    algorithm text not null,
    -- One of the two: a shared secret, sealed by the server, or the address of public keys.
    sealed_secret blob,
    jwks_url text,
    -- A list of the agents its users may talk to.
    agents text not null,
    created_at text not null,
    updated_at text not null,
    primary key (tenant_id, issuer),
    check ((sealed_secret is null) <> (jwks_url is null))
) strict;
create index app_issuers_by_issuer on app_issuers (issuer);
