//! `/api/v1/session`: signing in and out, and the second factor; `/api/v1/first-run` and `/api/v1/invitation`: the two
//! ways to a first password. Decisions are the doorkeeper's; here they get their status and their cookie. (Threat T4.)

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Extension, Json, Router};
use http::StatusCode;
use http::header::{HeaderValue, SET_COOKIE};
use serde::{Deserialize, Serialize};
use switchboard_store::{Private, Zone};

use super::{ApiContext, Input};
use crate::http::address::ClientAddress;
use crate::http::{Problem, Visitor};
use crate::staff::{Attempt, DemoLogin, LoginView, NewBusiness, Refusal, SignedIn, StaffLogin};

/// Longest text of a form, in bytes.
const TEXT_BYTES_MAX: usize = 200;

pub(super) fn routes() -> Router<ApiContext> {
    Router::new()
        .route("/api/v1/session", get(show).post(sign_in).delete(sign_out))
        .route("/api/v1/session/password", put(change_password))
        .route("/api/v1/session/proof", post(prove))
        .route(
            "/api/v1/session/second-factor",
            post(begin_second_factor)
                .put(confirm_second_factor)
                .delete(remove_second_factor),
        )
        .route("/api/v1/first-run", get(first_run).post(set_up))
        .route("/api/v1/invitation", post(accept_invitation))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    email: Private<String>,
    password: Private<String>,
    code: Option<Private<String>>,
    tenant: Option<String>,
}

async fn sign_in(
    State(context): State<ApiContext>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Input(form): Input<SignIn>,
) -> Result<Response, Problem> {
    let attempt = Attempt {
        email: form.email,
        password: form.password,
        code: form.code,
        tenant: form.tenant,
        address,
    };
    let signed_in = context.doorkeeper.sign_in(&attempt).await?;
    let_in(&context, &signed_in).await
}

/// The answer to everything that signs in: who it is now, and the cookie.
async fn let_in(context: &ApiContext, signed_in: &SignedIn) -> Result<Response, Problem> {
    let view = view(context, &signed_in.login).await?;
    let mut response = Json(view).into_response();
    set_cookie(&mut response, context.cookies.keep(&signed_in.token));
    Ok(response)
}

fn set_cookie(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
}

async fn view(context: &ApiContext, login: &StaffLogin) -> Result<LoginView, Problem> {
    let view = context.doorkeeper.view(login).await?;
    view.ok_or_else(Problem::not_signed_in)
}

async fn show(
    State(context): State<ApiContext>,
    visitor: Visitor,
) -> Result<Json<LoginView>, Problem> {
    view(&context, person(&visitor)?).await.map(Json)
}

/// The table lets people alone come here.
fn person(visitor: &Visitor) -> Result<&StaffLogin, Problem> {
    visitor.login().ok_or_else(Problem::not_allowed)
}

async fn sign_out(
    State(context): State<ApiContext>,
    visitor: Visitor,
) -> Result<Response, Problem> {
    context.doorkeeper.sign_out(person(&visitor)?).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, context.cookies.forget());
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    old: Private<String>,
    new: Private<String>,
}

async fn change_password(
    State(context): State<ApiContext>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    visitor: Visitor,
    Input(form): Input<NewPassword>,
) -> Result<Response, Problem> {
    let login = person(&visitor)?;
    let doorkeeper = &context.doorkeeper;
    let signed_in = doorkeeper.change_password(login, &form.old, form.new, address);
    let_in(&context, &signed_in.await?).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proof {
    password: Option<Private<String>>,
    code: Option<Private<String>>,
}

async fn prove(
    State(context): State<ApiContext>,
    visitor: Visitor,
    Input(proof): Input<Proof>,
) -> Result<StatusCode, Problem> {
    let (password, code) = (proof.password.as_ref(), proof.code.as_ref());
    let login = person(&visitor)?;
    context.doorkeeper.prove(login, password, code).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn begin_second_factor(
    State(context): State<ApiContext>,
    visitor: Visitor,
) -> Result<Response, Problem> {
    let login = person(&visitor)?;
    // A login that a thief found open must not put the thief's telephone in.
    if !login.is_proved {
        return Err(Problem::proof_needed());
    }
    let made = context.doorkeeper.begin_second_factor(login).await?;
    Ok(Json(made).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    code: Private<String>,
}

async fn confirm_second_factor(
    State(context): State<ApiContext>,
    visitor: Visitor,
    Input(form): Input<Code>,
) -> Result<Json<LoginView>, Problem> {
    let login = person(&visitor)?;
    let doorkeeper = &context.doorkeeper;
    doorkeeper.confirm_second_factor(login, &form.code).await?;
    let login = StaffLogin {
        must_enrol: false,
        ..login.clone()
    };
    view(&context, &login).await.map(Json)
}

/// Also the first half of putting another telephone in its place. Every login of the person ends, this one too: whoever
/// is required to have a second factor must set one up when they come back.
async fn remove_second_factor(
    State(context): State<ApiContext>,
    visitor: Visitor,
) -> Result<Response, Problem> {
    let login = person(&visitor)?;
    if !login.is_proved {
        return Err(Problem::proof_needed());
    }
    context.doorkeeper.remove_second_factor(login).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, context.cookies.forget());
    Ok(response)
}

/// What the sign-in page asks before it shows anything.
#[derive(Serialize)]
struct FirstRunView {
    /// Nobody has used this installation yet; its start printed a link.
    needed: bool,
    /// Logins that a demo shows to everybody on this machine.
    demo_logins: Vec<DemoLogin>,
}

async fn first_run(State(context): State<ApiContext>) -> Json<FirstRunView> {
    let doorkeeper = &context.doorkeeper;
    Json(FirstRunView {
        needed: doorkeeper.first_run().token().await.is_some(),
        demo_logins: doorkeeper.demo_logins().to_vec(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Business {
    token: Private<String>,
    name: Private<String>,
    email: Private<String>,
    password: Private<String>,
    business: String,
    time_zone: String,
}

async fn set_up(
    State(context): State<ApiContext>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Input(form): Input<Business>,
) -> Result<Response, Problem> {
    for (text, pointer) in [
        (form.name.expose(), "/name"),
        (form.email.expose(), "/email"),
        (&form.business, "/business"),
    ] {
        check_text(text, pointer)?;
    }
    check_email(form.email.expose())?;
    let time_zone: Zone = form.time_zone.parse().map_err(|_| {
        let told = Problem::invalid().with_detail("must be a time zone like Europe/Paris");
        told.with_pointer("/time_zone")
    })?;
    let new = NewBusiness {
        name: form.name,
        email: form.email,
        password: form.password,
        business: form.business,
        time_zone,
    };
    let signed_in = context.doorkeeper.set_up(&form.token, new, address).await?;
    let_in(&context, &signed_in).await
}

/// A line of text that a person wrote, neither empty nor endless, without signs that steer anything (H8).
pub(super) fn check_text(text: &str, pointer: &str) -> Result<(), Problem> {
    let fits = !text.trim().is_empty() && text.len() <= TEXT_BYTES_MAX;
    if fits && !text.chars().any(char::is_control) {
        return Ok(());
    }
    let told = format!("must be one line of 1 to {TEXT_BYTES_MAX} bytes");
    Err(Problem::invalid().with_detail(told).with_pointer(pointer))
}

/// An address that mail could reach. Whether it does is seen when the first mail is sent.
pub(super) fn check_email(email: &str) -> Result<(), Problem> {
    let parts = email.trim().rsplit_once('@');
    let is_one = parts.is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !email.trim().contains(char::is_whitespace)
    });
    if is_one {
        return Ok(());
    }
    let told = Problem::invalid().with_detail("must be an e-mail address");
    Err(told.with_pointer("/email"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    token: Private<String>,
    password: Private<String>,
}

async fn accept_invitation(
    State(context): State<ApiContext>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Input(form): Input<Accepted>,
) -> Result<Response, Problem> {
    let doorkeeper = &context.doorkeeper;
    let signed_in = doorkeeper.accept_invitation(&form.token, form.password, address);
    let_in(&context, &signed_in.await?).await
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let unauthorized = |code, title| Self::new(StatusCode::UNAUTHORIZED, code, title);
        match refusal {
            Refusal::WrongLogin => {
                unauthorized("wrong_login", "The e-mail address or the password is wrong")
            }
            Refusal::SecondFactorNeeded => unauthorized(
                "second_factor_needed",
                "A code of your authenticator is needed",
            ),
            Refusal::WrongCode => {
                unauthorized("wrong_code", "The code is wrong, or was used before")
            }
            Refusal::WrongToken => unauthorized(
                "wrong_token",
                "The link was used, has expired, or is not complete",
            ),
            Refusal::Wait(seconds) => {
                Self::too_many_requests(seconds).with_detail(format!("try again in {seconds} s"))
            }
            Refusal::Weak(weak) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "weak_password",
                "The password is too easy to guess",
            )
            .with_detail(weak.to_string())
            .with_pointer("/password"),
            Refusal::NothingToConfirm => Self::new(
                StatusCode::CONFLICT,
                "nothing_to_confirm",
                "There is no second factor",
            ),
            Refusal::AlreadyEnrolled => Self::new(
                StatusCode::CONFLICT,
                "already_enrolled",
                "A second factor is set up already",
            ),
            Refusal::Store(error) => error.into(),
        }
    }
}
