//! How sure we are who is on the other side. Every tool and every look-up names the least it needs.

/// Assurance of a conversation (threat model, section 1), weakest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assurance {
    /// Caller ID, SMS sender, mail From: hints that anybody can forge.
    #[default]
    None,
    /// A code was returned from the address on file, or the sender of a WhatsApp message.
    Possession,
    /// A user of an app, by its signed token.
    SignedIn,
    /// Staff of the tenant, signed in.
    Staff,
}
