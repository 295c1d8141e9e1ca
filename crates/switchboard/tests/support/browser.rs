//! A browser of staff, and people who use one.

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use switchboard::staff::PasswordPool;
use switchboard_store::{ListFilter, NewStaff, Private, StaffId, StaffRole};

use super::{TestServer, shape};

/// Good enough for every person of the tests.
pub const PASSWORD: &str = "teapot under seven bridges";

/// A browser that keeps its cookie and is one of our own pages.
pub struct Browser {
    client: Client,
    base: String,
    pub cookie: Option<String>,
}

impl Browser {
    pub fn at(server: &TestServer) -> Self {
        Self {
            client: Client::new(),
            base: server.base.clone(),
            cookie: None,
        }
    }

    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        let request = request
            .header("origin", &self.base)
            .header("x-switchboard-request", "1");
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    pub async fn send(&mut self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let response = self.ask(method.clone(), path).json(&body).send().await;
        let response = response.expect("answers");
        if let Some(cookie) = response.headers().get("set-cookie") {
            let text = cookie.to_str().expect("text");
            let pair = text.split(';').next().unwrap_or_default().to_owned();
            self.cookie = (!pair.ends_with('=')).then_some(pair);
        }
        let (status, answer) = read(response).await;
        shape::hold(method.as_str(), path, status, &answer);
        (status, answer)
    }

    pub async fn sign_in(
        &mut self,
        email: &str,
        password: &str,
        code: Option<&str>,
    ) -> (u16, Value) {
        let form = json!({ "email": email, "password": password, "code": code });
        self.send(Method::POST, "/api/v1/session", form).await
    }

    pub async fn get(&mut self, path: &str) -> (u16, Value) {
        self.send(Method::GET, path, Value::Null).await
    }
}

pub async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let bytes = response.bytes().await.expect("a body");
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

/// A person of the medspa who is no demo.
pub async fn person(server: &TestServer, email: &str, role: StaffRole) -> StaffId {
    let pool = PasswordPool::start().expect("threads");
    let hash = pool.hash(Private::new(PASSWORD.to_owned())).await;
    let person = NewStaff {
        name: "Ama Osei".into(),
        email: email.into(),
        role,
        password_hash: Some(hash.expect("room")),
        location: None,
        is_demo: false,
    };
    let rows = server.rows("medspa").await;
    rows.create_staff(&person).await.expect("stored")
}

pub async fn deeds(server: &TestServer) -> Vec<String> {
    let rows = server.rows("medspa").await;
    let entries = rows.list_audit_entries(&ListFilter::default()).await;
    entries
        .expect("entries")
        .into_iter()
        .map(|it| it.action)
        .collect()
}
