//! WebSocket upgrades of our own routes: the head is checked and answered here, the bare TCP stream goes to its taker.

use std::future::Future;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use switchboard_wire::websocket::{UpgradeHeaders, accept_upgrade};

use crate::http::{Problem, take_upgraded};
use crate::socket::{SocketLimits, WebSocket};

/// Answers an upgrade and hands the socket to `take` in a task of its own. `subprotocol` is echoed when given.
///
/// # Errors
/// A request that is no proper upgrade, as the problem to answer with.
pub fn accept<F, T>(
    mut request: Request,
    subprotocol: Option<&'static str>,
    limits: SocketLimits,
    take: T,
) -> Result<Response, Problem>
where
    T: FnOnce(WebSocket) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let header = |headers: &HeaderMap, name: HeaderName| {
        headers.get(name).map(|value| value.as_bytes().to_vec())
    };
    let headers = request.headers();
    let (connection, upgrade) = (header(headers, CONNECTION), header(headers, UPGRADE));
    let (version, key) = (
        header(headers, SEC_WEBSOCKET_VERSION),
        header(headers, SEC_WEBSOCKET_KEY),
    );
    let given = UpgradeHeaders {
        connection: connection.as_deref(),
        upgrade: upgrade.as_deref(),
        version: version.as_deref(),
        key: key.as_deref(),
    };
    let accept = accept_upgrade(request.method().as_str(), given).map_err(|error| {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
        Problem::new(status, "not_an_upgrade", "This address speaks WebSocket.")
            .with_detail(error.to_string())
    })?;
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else {
            return;
        };
        let Ok((stream, read)) = take_upgraded(upgraded) else {
            return tracing::error!("an upgraded connection came from another server");
        };
        let (tcp, permit) = stream.into_parts();
        take(WebSocket::server(tcp, Some(permit), &read, limits)).await;
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accept = HeaderValue::from_str(&accept).map_err(|_| Problem::internal())?;
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(subprotocol) = subprotocol {
        headers.insert(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static(subprotocol),
        );
    }
    Ok(response)
}
