//! Lets a request in, or refuses it: the limit on requests, basic auth, the count by route, the headers of the web configuration.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use hyper::{Request, Response, StatusCode};
use tokio::sync::OwnedSemaphorePermit;

use super::address::PREFIX;
use super::admission::Holding;
use super::answer::{Content, error, text};
use super::body::forget;
use super::web::Entrance;
use super::{Site, routes};

/// Answers a request, and counts it. If basic auth is on, the request needs a user and password, or the token.
pub(super) async fn answer(
    site: &Arc<Site>,
    entrance: &Entrance,
    mut request: Request<Incoming>,
) -> Response<Holding<Content, Option<OwnedSemaphorePermit>>> {
    let route = routes::route(request.uri().path());
    let counted = request.uri().path().starts_with(PREFIX);
    let place = counted.then(|| site.requests.place()).flatten();
    let mut answer = match &entrance.users {
        _ if counted && place.is_none() => {
            error(StatusCode::SERVICE_UNAVAILABLE, "too many requests at the same time (limits.requests); try again in a second")
        }
        Some(users)
            if !site.web.as_ref().is_some_and(|web| web.carries_token(&request)) && !users.let_in(request.headers()).await =>
        {
            forget(&mut request).await;
            let says = "user and password (or the token) are missing or wrong; this daemon's --web-config requires them\n";
            asking_for_a_password(text(StatusCode::UNAUTHORIZED, says))
        }
        _ => routes::answer(site, request).await,
    };
    site.metrics.requests().count(route, answer.status().as_u16());
    for (name, value) in &entrance.headers {
        answer.headers_mut().insert(name.clone(), value.clone());
    }
    answer.map(|body| Holding::new(body, place))
}

fn asking_for_a_password(mut refused: Response<Content>) -> Response<Content> {
    refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"rotewatch\""));
    refused
}
