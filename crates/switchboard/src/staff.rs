//! People of the tenants at the door: who signs in, how they prove it, and what each role may do. (Threats T4, T5.)
//!
//! [`Doorkeeper`] decides; routes in `http/api/session.rs` and the command line only carry its answers. What a role may do
//! is one table, [`Capability`], which the pages read too. Nothing here knows HTTP.

mod capability;
mod demo_login;
mod doorkeeper;
mod first_run;
mod login_view;
mod password;
mod second_factor;
mod throttle;

pub use self::capability::{Capability, needs_second_factor};
pub use self::demo_login::DemoLogin;
pub use self::doorkeeper::{Attempt, Doorkeeper, LOGIN_LIFE_MAX, Refusal, SignedIn, StaffLogin};
pub use self::first_run::{FirstRun, NewBusiness};
pub use self::login_view::LoginView;
pub use self::password::{PasswordPool, WeakPassword, check_strength};
pub use self::second_factor::{Enrolment, second_factor_context};
