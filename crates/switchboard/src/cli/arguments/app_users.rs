//! Users of a tenant's app, and who vouches for them.

use std::path::PathBuf;

use clap::Subcommand;

/// What to do with the issuers of app users' tokens.
#[derive(Clone, Debug, Subcommand)]
pub enum AppUsersCommand {
    /// List the issuers a tenant trusts
    List {
        /// Whose issuers: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
    },
    /// Trust an issuer, by a shared secret or by the address of its keys
    Set {
        /// Whose app: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// The `iss` of its tokens, letter by letter
        #[arg(long, value_name = "ISSUER")]
        issuer: String,
        /// What must be in their `aud`
        #[arg(long, value_name = "AUDIENCE")]
        audience: String,
        /// An agent its users may talk to; can be repeated
        #[arg(long = "agent", value_name = "NAME", required = true)]
        agents: Vec<String>,
        /// The one algorithm of its signatures: HS256 with a secret, RS256 with keys, when left out
        #[arg(long, value_name = "NAME")]
        algorithm: Option<String>,
        /// File with the shared secret of 32 bytes or more; - reads it from stdin
        #[arg(long, value_name = "FILE", required_unless_present = "jwks_url")]
        secret_file: Option<PathBuf>,
        /// Address of its public keys (JWKS)
        #[arg(long, value_name = "URL", conflicts_with = "secret_file")]
        jwks_url: Option<String>,
    },
    /// Trust an issuer no more
    Remove {
        /// Whose issuer: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// The issuer
        #[arg(long, value_name = "ISSUER")]
        issuer: String,
    },
}

impl AppUsersCommand {
    /// The tenant it is about.
    pub fn tenant(&self) -> &str {
        match self {
            Self::List { tenant } | Self::Set { tenant, .. } | Self::Remove { tenant, .. } => {
                tenant
            }
        }
    }
}
