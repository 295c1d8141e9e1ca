//! Rows of the network before the model: black holes, names that do not exist, broken TLS.

use futures_util::future::join_all;
use switchboard_sim::caller::CallerScript;
use tokio::net::TcpListener;

use crate::scripted::talkative;
use crate::stage::{Got, Stage};

/// Takes connections and never says a word.
async fn black_hole() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_cannot_be_reached_costs_the_caller_the_watchdog_at_most() {
    let (_hole, silent) = black_hole().await;
    let (closed, nobody) = black_hole().await;
    drop(closed);
    let addresses = [
        format!("http://{silent}/v1"),
        format!("http://{nobody}/v1"),
        // A name that no name server knows (RFC 6761), and TLS with a peer that speaks none.
        "http://model.invalid/v1".to_owned(),
        format!("https://{silent}/v1"),
    ];
    join_all(addresses.map(|address| async move {
        let stage = Stage::with(talkative(), |settings| {
            settings.openai.base_url = address.parse().expect("an address");
        })
        .await;
        let call = stage.call(CallerScript::new());
        let reasons = ["handshake_timeout", "model_failed"];
        stage.assert_over(&call, Got::Human, &reasons).await;
        stage.server.stop().await;
    }))
    .await;
}
