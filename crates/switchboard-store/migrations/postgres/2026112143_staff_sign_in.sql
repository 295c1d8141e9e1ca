-- Staff sign in: how often they did, from where, by which second factor, and how they get their first password.

alter table staff
    -- Made by `serve --demo`: opens nothing on a server that is no demo on loopback.
    add column is_demo boolean not null default false,
    add column sign_ins bigint not null default 0,
    add column last_signed_in_at timestamptz;

alter table logins
    -- A keyed hash of the address block. An address that this person came from before is not slowed down by strangers.
    add column address_hash text,
    -- When the person last showed a password or a code in this login.
    add column proved_at timestamptz,
    -- Nothing is open to this login before a second factor is set up.
    add column must_enrol boolean not null default false;

create table second_factors (
    tenant_id uuid not null references tenants (id),
    staff_id uuid not null,
    -- Sealed by the server; this database never sees the secret itself.
    sealed_secret bytea not null,
    created_at timestamptz not null,
    confirmed_at timestamptz,
    -- The newest time step whose code was used. An older code, or the same again, is refused.
    last_step bigint not null default 0,
    primary key (tenant_id, staff_id),
    foreign key (tenant_id, staff_id) references staff (tenant_id, id)
);

create table recovery_codes (
    tenant_id uuid not null references tenants (id),
    staff_id uuid not null,
    code_hash text not null,
    created_at timestamptz not null,
    used_at timestamptz,
    primary key (tenant_id, staff_id, code_hash),
    foreign key (tenant_id, staff_id) references staff (tenant_id, id)
);

create table invitations (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    staff_id uuid not null,
    token_hash text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, token_hash),
    foreign key (tenant_id, staff_id) references staff (tenant_id, id)
);
create index invitations_by_token on invitations (token_hash);

-- A repeated request may come from a signed-in person as well as from a key, so its credential is either of them.
alter table idempotency_keys drop constraint idempotency_keys_tenant_id_credential_id_fkey;

-- Row security, as in the first migration.
do $$
declare
    t text;
begin
    foreach t in array array['second_factors', 'recovery_codes', 'invitations']
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy tenant_scope on %I to switchboard_app
                        using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)
                        with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', t);
        execute format('grant select, insert, update, delete on %I to switchboard_app', t);
    end loop;
end $$;

create policy lookup_invitation on invitations for select to switchboard_app
    using (token_hash = nullif(current_setting('app.lookup', true), ''));
